// The modules: compiled Rust that answers questions, in this page or in a worker beside it. A module is loaded when it is
// first asked. What it is asked and what it answers is text; nothing of it leaves the browser.
(function () {
    'use strict';
    const base = new URL('.', document.currentScript.src).href;
    const waiting = new Map();
    const Play = globalThis.Play = { base, limit: 100_000, pages: {} };

    // These four are used in the page and, as text, in the worker.
    function put(exports, nth, bytes) {
        const at = exports.put(nth, bytes.length);
        new Uint8Array(exports.memory.buffer, at, bytes.length).set(bytes);
    }
    function answered(exports, length) {
        return new Uint8Array(exports.memory.buffer, exports.answered(), length);
    }

    // Starts a module. One that has questions itself asks them of the second.
    async function started(module, other) {
        const start = async (module, imports) => (await WebAssembly.instantiate(module, imports)).exports;
        if (!other) {
            return start(module, {});
        }
        const asked = await start(other, {});
        let exports, length;
        const bytes = (at, length) => new Uint8Array(exports.memory.buffer, at, length);
        exports = await start(module, { faults: {
            tell(question, questionLength, text, textLength) {
                put(asked, 0, bytes(question, questionLength));
                put(asked, 1, bytes(text, textLength));
                length = asked.ask();
                return length;
            },
            hear(at) {
                bytes(at, length).set(answered(asked, length));
            },
        } });
        return exports;
    }

    function instance(exports) {
        const encoder = new TextEncoder(), decoder = new TextDecoder();
        return function ask(question, ...texts) {
            [question, '', '', ''].map((text, nth) => texts[nth - 1] ?? (nth ? '' : text)).forEach((text, nth) => {
                put(exports, nth, typeof text === 'string' ? encoder.encode(text) : text);
            });
            const answer = JSON.parse(decoder.decode(answered(exports, exports.ask())));
            if (answer.problem && question !== 'offer') {
                throw new Error(answer.problem);
            }
            return answer;
        };
    }

    Object.assign(Play, { started, asking: instance });

    function work() {
        let ask;
        onmessage = async ({ data: { modules, nth, question, texts } }) => {
            try {
                ask ??= instance(await started(...modules));
                postMessage({ nth, answer: ask(question, ...texts) });
            } catch (error) {
                const trapped = error instanceof WebAssembly.RuntimeError;
                postMessage({ nth, error: error.message, trapped });
            }
        };
    }

    const missing = 'Play is not in this copy of the book. The commands .ci/wasm and cargo run in the project’s folder add it.';

    // A page that was opened as a file can load scripts only, so there is a script for each file.
    const scripts = new Map();
    function script(name) {
        if (!scripts.has(name)) {
            scripts.set(name, new Promise((done, failed) => {
                waiting.set(name, done);
                const tag = document.createElement('script');
                tag.src = base + name;
                tag.onerror = () => {
                    scripts.delete(name);
                    failed(new Error(missing));
                };
                document.head.append(tag);
            }));
        }
        return scripts.get(name);
    }
    Play.data = data => waiting.get('data.js')(data);
    Play.traces = text => waiting.get('traces.js')(text);
    Play.module = (name, text) => waiting.get(`${name}.wasm.js`)(Uint8Array.from(atob(text), c => c.charCodeAt(0)));

    // The ids of all rules with title and page, an example of each call, and the table of wrong models.
    Play.rules = () => script('data.js');
    // The traces of all rules, each below a line `# ID`.
    Play.allTraces = () => script('traces.js');

    async function compiled(name) {
        if (location.protocol === 'file:') {
            return WebAssembly.compile(await script(`${name}.wasm.js`));
        }
        const response = await fetch(`${base}${name}.wasm`).catch(() => ({}));
        if (!response.ok) {
            throw new Error(missing);
        }
        return WebAssembly.compile(await response.arrayBuffer());
    }

    const modules = new Map(), instances = new Map();
    function module(name) {
        if (!modules.has(name)) {
            const loading = compiled(name);
            loading.catch(() => modules.delete(name));
            modules.set(name, loading);
        }
        return modules.get(name);
    }

    const began = 'The module failed and was started anew.';

    // Asks a module in this page. If it traps, the next question goes to a new one.
    Play.ask = async function (question, ...texts) {
        const name = ['judge', 'wrong', 'laws'].includes(question) ? 'rules' : 'explorer';
        if (!instances.has(name)) {
            const made = module(name).then(module => started(module));
            made.catch(() => instances.delete(name));
            instances.set(name, made);
        }
        const exports = await instances.get(name);
        try {
            return instance(exports)(question, ...texts);
        } catch (error) {
            if (error instanceof WebAssembly.RuntimeError || error instanceof RangeError) {
                instances.delete(name);
                throw new Error(`${began} It said: ${error.message}`);
            }
            throw error;
        }
    };

    // Asks a module, and one that it asks, in a worker, so that the page stays usable. A new question ends the one before it.
    Play.worker = function (...names) {
        let worker, nth = 0, last;
        return async function (question, ...texts) {
            const modules = await Promise.all(names.map(module));
            if (last) {
                worker.terminate();
                worker = undefined;
                last(Object.assign(new Error('ended by the next question'), { name: 'AbortError' }));
            }
            if (!worker) {
                const source = `'use strict';\n${[put, answered, started, instance].join('\n')}\n(${work})();`;
                const url = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }));
                worker = new Worker(url);
                URL.revokeObjectURL(url);
            }
            const mine = ++nth;
            return new Promise((done, failed) => {
                last = failed;
                const fail = message => {
                    worker.terminate();
                    worker = last = undefined;
                    failed(new Error(`${began} It said: ${message}`));
                };
                worker.onerror = event => fail(event.message);
                worker.onmessage = ({ data: { nth, answer, error, trapped } }) => {
                    if (nth !== mine) {
                        return;
                    }
                    if (trapped) {
                        return fail(error);
                    }
                    last = undefined;
                    error === undefined ? done(answer) : failed(new Error(error));
                };
                // Bytes are handed over, which takes no time.
                const bytes = texts.filter(text => typeof text !== 'string').map(text => text.buffer);
                worker.postMessage({ modules, nth: mine, question, texts }, bytes);
            });
        };
    };
})();
