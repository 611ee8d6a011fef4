// `ws`: node ws.js PORT ORDERS_PORT BYTES, with NODE_PATH set. For each byte of an order, one message to all.
const net = require("net");
const { WebSocketServer } = require("ws");
const [port, orders, bytes] = process.argv.slice(2).map(Number);
const payload = Buffer.alloc(bytes, "x");
const server = new WebSocketServer({ host: "127.0.0.1", port, perMessageDeflate: false, backlog: 4096 });
net
  .createServer((socket) =>
    socket.on("data", (data) => {
      for (let n = 0; n < data.length; n++) {
        for (const client of server.clients) client.send(payload, { binary: true });
      }
    }),
  )
  .listen(orders, "127.0.0.1");
