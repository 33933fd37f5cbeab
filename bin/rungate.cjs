#!/usr/bin/env node
'use strict';

// Plain, old syntax: an older Node has to be able to read this file to say that it is too old.
var needed = 24;

if (parseInt(process.versions.node, 10) < needed) {
  process.stderr.write('rungate needs Node.js ' + needed + ' or newer, and this is ' + process.versions.node + '.\n');
  process.exitCode = 1;
} else {
  import('../dist/src/main.js').catch(function (error) {
    process.stderr.write('rungate: ' + (error && error.stack ? error.stack : error) + '\n');
    process.exitCode = 1;
  });
}
