// Socket.IO as its documentation broadcasts. `node socketio.js PORT`
const http = require("node:http");
const { Server } = require("socket.io");

const server = http.createServer((request, response) => {
  if (request.url !== "/publish") return;
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    readers.emit("message", Buffer.concat(parts).toString());
    response.writeHead(200).end("ok");
  });
});
// Its pings would stand between the messages that are counted.
const readers = new Server(server, {
  transports: ["websocket"],
  perMessageDeflate: false,
  pingInterval: 600_000,
  serveClient: false,
});
server.keepAliveTimeout = 600_000;
server.listen({ port: Number(process.argv[2]), host: "127.0.0.1", backlog: 8192 });
