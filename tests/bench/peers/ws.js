// ws as its README broadcasts: one loop over the clients. `node ws.js PORT`
const http = require("node:http");
const { WebSocketServer } = require("ws");

const server = http.createServer((request, response) => {
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    const text = Buffer.concat(parts);
    for (const client of readers.clients) client.send(text, { binary: false });
    response.writeHead(200).end("ok");
  });
});
const readers = new WebSocketServer({ server, perMessageDeflate: false });
server.keepAliveTimeout = 600_000;
server.listen({ port: Number(process.argv[2]), host: "127.0.0.1", backlog: 8192 });
