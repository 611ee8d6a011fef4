// Socket.IO: node socket_io.js PORT ORDERS_PORT BYTES, with NODE_PATH set. Text, for a binary event is two frames.
const net = require("net");
const { Server } = require("socket.io");
const [port, orders, bytes] = process.argv.slice(2).map(Number);
const payload = "x".repeat(bytes - 9); // 42["d","…"] is the frame's payload
const server = new Server(port, { transports: ["websocket"], pingInterval: 600000, perMessageDeflate: false });
net
  .createServer((socket) =>
    socket.on("data", (data) => {
      for (let n = 0; n < data.length; n++) server.emit("d", payload);
    }),
  )
  .listen(orders, "127.0.0.1");
