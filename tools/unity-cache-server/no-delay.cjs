// Loaded before the peer's program: every connection that a server of this process takes sends at once.
'use strict';
const net = require('node:net');

const { createServer } = net;
net.createServer = (...args) =>
  createServer(...args).prependListener('connection', (socket) => socket.setNoDelay(true));
