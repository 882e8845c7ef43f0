"use strict";
// Sends what the browser loads of Code as it was compressed when the image was made: to compress its 19 MB anew takes
// most of a second of every first visit, and each workspace, on an origin of its own, is visited for a first time.
const { vsRootPath: root } = require("./constants");

const WANTED = /^\/[^/]+\/static\/(out\/[\w./-]+\.(js|css))$/;
const TYPES = { js: "text/javascript", css: "text/css" };

module.exports = (request, response, next) => {
  const [, file, kind] = WANTED.exec(request.path) ?? [];
  if (!file || request.method !== "GET" || !request.acceptsEncodings("br")) return next();
  const headers = { "Content-Type": TYPES[kind], "Content-Encoding": "br", Vary: "Accept-Encoding" };
  const options = { root, headers, maxAge: "1y", immutable: true, acceptRanges: false };
  // What is not there compressed goes its usual way.
  response.sendFile(`${file}.br`, options, (error) => error && !response.headersSent && next());
};
