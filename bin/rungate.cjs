#!/usr/bin/env node
'use strict';

// Plain, old syntax: an older Node has to be able to read this file to say that it is too old.
var needed = 24;

if (parseInt(process.versions.node, 10) < needed) {
  process.stderr.write('rungate needs Node.js ' + needed + ' or newer, and this is ' + process.versions.node + '.\n');
  process.exitCode = 1;
} else {
  // The steps of src/main.ts.
  if (process.argv[2] === 'serve' || process.argv.length === 2)
    require('../dist/memory-settings.cjs').restartWithMemorySettings();
  var join = require('node:path').join;
  // The folder belongs to the user: anyone who could write into a shared one could make this process run their code.
  var folder = process.env.NODE_COMPILE_CACHE;
  if (folder === undefined) {
    folder = join(process.env.XDG_CACHE_HOME || join(require('node:os').homedir(), '.cache'), 'rungate');
    require('node:module').enableCompileCache(folder);
  }
  var bundle = join(__dirname, '../dist/rungate.cjs');
  var words = process.argv.slice(2);
  // Other commands run with other flags of V8, under which the kept code does not count.
  if ((words[0] === 'serve' || words.length === 0) && process.env.NODE_DISABLE_COMPILE_CACHE === undefined) {
    var loaded = require('../dist/kept-code.cjs').loadWithKeptCode(bundle, folder);
    loaded.exports.runProcess(words, loaded.keepCode);
  } else require(bundle).runProcess(words);
}
