// What .ci/axe and .ci/journeys share: the tools, which are fetched once into target/axe, and the browser.
// It runs on Debian 12's Node.js, which is 18.
'use strict';
const { execFileSync } = require('node:child_process');
const { existsSync, mkdirSync, readFileSync, writeFileSync } = require('node:fs');
const { join, resolve } = require('node:path');

// axe-core: the rules, by Deque. puppeteer-core: drives a Chromium that is installed, by the Chrome team; the last release
// for Node.js 18.
const TOOLS = ['axe-core@4.14.1', 'puppeteer-core@24.43.1'];
const root = resolve(__dirname, '..');
const place = join(root, 'target/axe'), ready = join(place, 'ready');

if (!existsSync(ready) || readFileSync(ready, 'utf8') !== TOOLS.join(' ')) {
    mkdirSync(place, { recursive: true });
    writeFileSync(join(place, 'package.json'), '{}');
    execFileSync('npm', ['install', '--silent', '--save-exact', ...TOOLS], { cwd: place, stdio: 'inherit' });
    writeFileSync(ready, TOOLS.join(' '));
}

// Debian's name, Ubuntu's, and that of GitHub's machines.
const installed = process.env.PATH.split(':').flatMap(
    folder => ['chromium', 'chromium-browser', 'google-chrome'].map(name => join(folder, name)));

exports.root = root;
exports.book = join(root, 'target/book');
exports.axe = readFileSync(join(place, 'node_modules/axe-core/axe.min.js'), 'utf8');
exports.PHONE = { width: 390, height: 844 };
exports.WIDE = { width: 1400, height: 900 };
exports.launch = (...args) => require(join(place, 'node_modules/puppeteer-core')).launch({
    executablePath: installed.find(existsSync),
    // As root, Chromium has no sandbox.
    args: ['--no-sandbox', ...args],
});
