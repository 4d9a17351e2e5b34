// The Node application of the end-to-end tests. Its keep-alive timeout is short when asked: Node then closes idle
// connections at about the moment that a proxy may reuse them. usage: node_app.js PORT
'use strict';
const http = require('http');

let executed = 0;
const server = http.createServer((request, response) => {
  executed += 1;
  const number = executed;
  let bytes = 0;
  request.on('data', (piece) => { bytes += piece.length; });
  request.on('end', () => {
    const about = { method: request.method, target: request.url, rawHeaders: request.rawHeaders, bytes, number };
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify(about));
  });
});
server.keepAliveTimeout = Number(process.env.KEEP_ALIVE_MILLIS || 5000);
server.listen(Number(process.argv[2]), '127.0.0.1');
