// Socket.IO as its documentation broadcasts: one emit to all. `node socketio.js PORT`
const http = require("node:http");
const { Server } = require("socket.io");

const server = http.createServer();
const io = new Server(server, {
  transports: ["websocket"],
  perMessageDeflate: false,
  pingInterval: 600_000,
});
server.prependListener("request", (request, response) => {
  if (!request.url.startsWith("/publish")) return;
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    io.emit("post", Buffer.concat(parts).toString());
    response.writeHead(200).end("ok");
  });
});
server.keepAliveTimeout = 600_000;
server.listen({ port: Number(process.argv[2]), host: "127.0.0.1", backlog: 8192 });
