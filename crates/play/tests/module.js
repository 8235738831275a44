#!/usr/bin/env node
// The compiled modules say what the commands say: `keybook judge` of every snapshot, as it is and with a wrong answer, `keybook
// strace` of every case, and the table of `keybook wrong` for every wrong model. Usage: module.js, after `cargo run`.
'use strict';
const { deepStrictEqual, ok } = require('node:assert');
const { execFileSync } = require('node:child_process');
const { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join, resolve } = require('node:path');
const { gzipSync } = require('node:zlib');

const root = resolve(__dirname, '../../..');
const play = join(root, 'target/book/play');
const keybook = join(process.env.CARGO_TARGET_DIR ?? join(root, 'target'), 'debug/keybook');
const LARGEST = 150_000;

// Calls that no rule makes: how they are written, a program with them, and where.
const ELSEWHERE = Object.fromEntries(['seccomp', 'setsid', 'begin_without_session_keyring', 'upcall', 'use_32_bit_calls']
    .map(call => [call, [`${call}()`, [`main  ${call}()`], 0]]));
for (const written of ['syscall_setresgid(-1, -1, GID)', 'syscall_setgroups()']) {
    ELSEWHERE[written.split('(')[0]] = [written, [`main  ${written}`], 0];
}
ELSEWHERE.key_to_instantiate = ['key_to_instantiate()', ['main  upcall() = child', 'child  key_to_instantiate()'], 1];

// The pages' own script, without a page.
const scripts = new Map();
globalThis.document = { currentScript: { src: 'https://x/play/module.js' }, createElement: () => ({}), head: { append: ({ src }) => scripts.set(src, true) } };
globalThis.location = { protocol: 'https:' };
globalThis.fetch = async url => new Response(readFileSync(join(play, new URL(url).pathname.split('/').pop())));
require(join(root, 'book/play/module.js'));
const { Play } = globalThis;
async function data(promise, name) {
    new Function('Play', readFileSync(join(play, name), 'utf8'))(Play);
    return promise;
}

function all(folder, ending) {
    return readdirSync(folder).sort().flatMap(name => {
        const path = join(folder, name);
        return statSync(path).isDirectory() ? all(path, ending) : name.endsWith(ending) ? [path] : [];
    });
}

// What a command prints as JSON. Its status says what it found.
function told(args, cwd = root) {
    try {
        return JSON.parse(execFileSync(keybook, args, { cwd, maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'ignore'] }));
    } catch (error) {
        return JSON.parse(error.stdout);
    }
}

async function judges(table) {
    const folder = mkdtempSync(join(tmpdir(), 'play-'));
    try {
        const texts = all(join(root, 'snapshots/traces'), '.snap').flatMap(path => {
            const trace = readFileSync(path, 'utf8').replace(/^---\n[^]*?\n---\n/, '');
            const lines = trace.trimEnd().split('\n'), middle = lines.length >> 1;
            const changed = (from, to) => `${Object.assign([...lines], { [middle]: lines[middle].replace(from, to) }).join('\n')}\n`;
            return [trace, changed(/\)( = .*)?$/, ') = -1 EBADF (Bad file descriptor)'), changed(/  \w+\(/, '  keyctl_fly('), trace.replace('(', '[')];
        });
        const files = texts.map((text, nth) => {
            const file = join(folder, `${nth}.txt`);
            writeFileSync(file, text);
            return file;
        });
        const judged = told(['judge', '--format', 'json', ...files]);
        const results = {};
        for (const [nth, { file, ...expected }] of judged.entries()) {
            ok(file === files[nth]);
            if (expected.rules) {
                expected.rules = expected.rules.map(rule => rule.id);
            }
            deepStrictEqual(await Play.ask('judge', texts[nth], table), expected, texts[nth]);
            results[expected.result] = (results[expected.result] ?? 0) + 1;
        }
        ok(['allowed', 'refused', 'unknown', 'malformed'].every(result => results[result] > 100), JSON.stringify(results));
        return `${texts.length} traces`;
    } finally {
        rmSync(folder, { recursive: true });
    }
}

// Each log as it is, and with another answer in the middle, which is often one that no correct kernel gives.
async function logs(table) {
    const compiled = ['logs', 'faults'].map(name => WebAssembly.compile(readFileSync(join(play, `${name}.wasm`))));
    const ask = Play.asking(await Play.started(...await Promise.all(compiled)));
    const folder = mkdtempSync(join(tmpdir(), 'play-')), changed = join(folder, 'changed.log');
    const paths = [...all(join(root, 'snapshots/cases'), '.strace'), ...all(join(root, 'crates/findings/tests/logs'), '.log')];
    let compared = 0, faults = 0;
    function same(path) {
        const [expected] = told(['strace', '--format', 'json', path]);
        deepStrictEqual(ask('strace', new Uint8Array(readFileSync(path)), path, table), expected, path);
        compared += 1;
        faults += expected.findings.filter(it => it.kind === 'kernel-fault').length;
    }
    try {
        for (const path of paths) {
            same(path);
            const lines = readFileSync(path, 'latin1').split('\n');
            const calls = lines.map((line, nth) => / (keyctl|add_key|request_key)\(.* = /.test(line) ? nth : -1).filter(nth => nth >= 0);
            for (const part of [2, 3]) {
                const nth = calls[Math.floor(calls.length / part)];
                const answer = / = -1 /.test(lines[nth] ?? '') ? '= 0' : '= -1 EKEYREVOKED (Key has been revoked)';
                writeFileSync(changed, lines.map((line, at) => at === nth ? line.replace(/= [^=]*$/, answer) : line).join('\n'), 'latin1');
                same(changed);
            }
        }
    } finally {
        rmSync(folder, { recursive: true });
    }
    ok(compared > 100 && faults > 20, `${compared} logs, ${faults} faults`);
    return `${compared} logs with ${faults} kernel faults`;
}

// Every call that the model knows is in a program of a rule, and offered there; a few are asked of all rules at once.
async function calls(examples) {
    const traces = (await data(Play.allTraces(), 'traces.js')).split(/^# /m).slice(1).map(text => text.split(/\n/).filter(Boolean));
    const programs = new Map(traces.map(([id, ...lines]) => [id, lines]));
    const known = await Play.ask('calls');
    for (const call of known) {
        const [written, id, nth] = examples[call] ?? ELSEWHERE[call] ?? [];
        ok(written, `${call}: no rule makes it`);
        const lines = programs.get(id) ?? id, at = lines[nth];
        const [{ answers, problem }] = await Play.ask('offer', lines.slice(0, nth).map(line => `${line}\n`).join(''), at.split(/\s+/)[0], written);
        ok(at.includes(` ${written}`) && answers.length && !problem, `${call}: ${JSON.stringify({ at, answers, problem })}`);
    }
    return `${known.length} calls`;
}

async function wrong() {
    const traces = await data(Play.allTraces(), 'traces.js');
    const stored = readFileSync(join(root, 'snapshots/model/wrong-models.txt'), 'utf8').trimEnd().split('\n').map(line => line.split('\t'));
    const laws = await Play.ask('laws');
    for (const { law } of laws) {
        const expected = stored.filter(([, of]) => of.split(' ').includes(law)).map(([id]) => id);
        const noticed = await Play.ask('wrong', law, traces);
        deepStrictEqual(noticed.map(it => it.rule).sort(), expected.sort(), law);
    }
    ok(laws.length > 300);
    return `${laws.length} wrong models`;
}

// More memory than there is: the module traps, and the next question is answered by a new one.
async function traps() {
    await Play.ask('judge', { length: 2 ** 32 - 1 }, '').then(() => ok(false), error => ok(/started anew/.test(error.message), error.message));
    deepStrictEqual(await Play.ask('judge', '', ''), { result: 'allowed', events: 0 });
    return '1 trap';
}

async function main() {
    for (const name of ['rules.wasm', 'explorer.wasm', 'logs.wasm', 'faults.wasm']) {
        const size = gzipSync(readFileSync(join(play, name)), { level: 9 }).length;
        ok(size <= LARGEST, `${name} has ${size} bytes, gzipped`);
    }
    const { table, examples } = await data(Play.rules(), 'data.js');
    for (const check of [() => judges(table), () => logs(table), () => calls(examples), wrong, traps]) {
        console.log(`the modules agree: ${await check()}`);
    }
}

main();
