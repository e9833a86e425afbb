// Bun as its documentation broadcasts: topics of its own WebSocket server.
// `bun bun.js PORT CERT KEY`
const [, , port, cert, key] = process.argv;
Bun.serve({
  port: Number(port),
  hostname: "127.0.0.1",
  tls: { cert: Bun.file(cert), key: Bun.file(key) },
  async fetch(request, server) {
    if (request.method === "POST") {
      server.publish("feed", await request.text());
      return new Response("ok");
    }
    return server.upgrade(request) ? undefined : new Response("", { status: 426 });
  },
  websocket: {
    idleTimeout: 960,
    open(reader) {
      reader.subscribe("feed");
    },
    message() {},
  },
});
