// An application in Node that speaks HTTP/1.1 or HTTP/2, plain or over TLS, and tells what it received.
// usage: node_any_app.js PORT; PROTOCOL is http1, h2c, https (both by ALPN); TLS_KEY, TLS_CERT and TLS_CLIENT_CA are files.
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const http = require('http');
const http2 = require('http2');

function describe(request, body) {
  const headers = Object.fromEntries(Object.entries(request.headers));
  return JSON.stringify({
    method: request.method, target: request.url, version: request.httpVersion, headers,
    bytes: body.length, sha256: crypto.createHash('sha256').update(body).digest('hex'),
    peer: request.socket.getPeerCertificate ? (request.socket.getPeerCertificate().subjectaltname || '') : '',
  });
}

function serve(request, response) {
  const [path, query] = request.url.split('?');
  if (path === '/echo') {
    response.writeHead(200, { 'content-type': request.headers['content-type'] || 'application/octet-stream' });
    request.pipe(response);
    return;
  }
  if (path === '/bytes') {
    response.writeHead(200, { 'content-length': query });
    let left = Number(query);
    const piece = Buffer.alloc(65536, 'x');
    const more = () => {
      while (left > 0) {
        const size = Math.min(left, piece.length);
        left -= size;
        if (!response.write(piece.subarray(0, size))) return response.once('drain', more);
      }
      response.end();
    };
    return more();
  }
  if (path === '/trailers') {
    response.writeHead(200, { trailer: 'x-digest' });
    response.write('body');
    response.addTrailers({ 'x-digest': 'abc' });
    return response.end();
  }
  if (path === '/early') {
    response.writeEarlyHints({ link: '</a.css>; rel=preload' });
    return response.end('after hints');
  }
  if (path === '/status') {
    response.writeHead(Number(query));
    return response.end();
  }
  if (path === '/reset') {
    response.writeHead(200);
    response.write('half');
    setImmediate(() => (response.stream ? response.stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR) : response.destroy()));
    return;
  }
  const pieces = [];
  request.on('data', (piece) => pieces.push(piece));
  request.on('end', () => {
    const text = describe(request, Buffer.concat(pieces));
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
    response.end(request.method === 'HEAD' ? undefined : text);
  });
}

const protocol = process.env.PROTOCOL || 'http1';
let server;
if (protocol === 'http1') server = http.createServer(serve);
if (protocol === 'h2c') server = http2.createServer(serve);
if (protocol === 'https') {
  server = http2.createSecureServer({
    key: fs.readFileSync(process.env.TLS_KEY), cert: fs.readFileSync(process.env.TLS_CERT), allowHTTP1: true,
    ...(process.env.TLS_CLIENT_CA
      ? { ca: fs.readFileSync(process.env.TLS_CLIENT_CA), requestCert: true, rejectUnauthorized: true } : {}),
  }, serve);
}
server.on('sessionError', () => {});
server.listen(Number(process.argv[2]), '127.0.0.1');
