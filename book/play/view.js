// Parts of pages. What comes from a trace, an address or a log becomes a text node, never markup.
(function () {
    'use strict';
    const Play = globalThis.Play;

    // An element with attributes and children; a function is a listener, a string a text node.
    Play.el = function (name, attributes = {}, ...children) {
        const element = document.createElement(name);
        for (const [key, value] of Object.entries(attributes)) {
            if (typeof value === 'function') {
                element.addEventListener(key, value);
            } else if (value === true) {
                element.setAttribute(key, '');
            } else if (value !== false && value !== undefined) {
                element.setAttribute(key, value);
            }
        }
        element.append(...children.flat(Infinity).filter(child => child !== undefined && child !== ''));
        return element;
    };
    const el = Play.el;

    // A drawing of the module: these elements and attributes, and text.
    const SVG = 'http://www.w3.org/2000/svg';
    const DRAWN = ['svg', 'rect', 'path', 'line', 'circle', 'text'];
    const WITH = ['class', 'viewBox', 'role', 'aria-label', 'x', 'y', 'x1', 'y1', 'x2', 'y2', 'cx', 'cy', 'r', 'rx', 'd',
        'width', 'height'];
    function copied(from) {
        const to = document.createElementNS(SVG, from.localName);
        WITH.filter(name => from.hasAttribute(name)).forEach(name => to.setAttribute(name, from.getAttribute(name)));
        for (const child of from.childNodes) {
            if (child.nodeType === Node.TEXT_NODE) {
                to.append(child.data);
            } else if (DRAWN.includes(child.localName)) {
                to.append(copied(child));
            }
        }
        return to;
    }
    Play.drawing = function (text) {
        const { documentElement } = new DOMParser().parseFromString(text.replace('<svg', `<svg xmlns="${SVG}"`), 'image/svg+xml');
        return documentElement.localName === 'svg' ? copied(documentElement) : document.createTextNode('');
    };

    Play.root = () => new URL('..', Play.base).href;

    // A rule: its title, as a link to where it stands. An id that this book does not have is text.
    Play.rule = function (id, rules) {
        const [title, page] = rules[id] ?? [];
        return title ? el('a', { href: Play.root() + page }, title) : el('span', {}, id);
    };

    Play.fail = function (into, error) {
        into.replaceChildren(el('p', { class: 'play-bad' }, error.message));
    };

    const count = (number, what) => `${number} ${what}${number === 1 ? '' : 's'}`;
    Play.count = count;

    const list = items => el('ul', {}, items.map(item => el('li', {}, item)));
    const code = text => el('code', {}, text);

    // What the rules say about a trace. `set` puts an answer in place of the wrong one, where the page can.
    Play.verdict = function (judged, rules, set) {
        switch (judged.result) {
        case 'allowed':
            return [el('p', { class: 'play-good' }, judged.events === 0 ? 'An empty trace: write calls, one a line.'
                : `Allowed: a correct kernel may show ${judged.events === 1 ? 'this call' : `these ${judged.events} calls`}.`)];
        case 'malformed':
            return [el('p', { class: 'play-bad' }, `Line ${judged.line}, column ${judged.column}: expected ${judged.expected}.`)];
        case 'unknown':
            return [el('p', { class: 'play-some' }, 'Unknown: the rules do not know '),
                list(judged.calls.map(call => [`line ${call.line}: `, code(call.text)])),
                ...(judged.until ? [el('p', {}, `Line ${judged.until.line} is not allowed, unless a call above changed something. `
                    + 'The lines after it are not judged.')] : [])];
        }
        const out = [el('p', { class: 'play-bad' }, `Line ${judged.line} is not allowed: no correct kernel shows it here.`),
            el('p', {}, code(judged.text))];
        if (judged.expected) {
            out.push(el('p', {}, `Expected ${judged.expected}.`));
        }
        if (judged.allowed.length) {
            out.push(el('p', { class: 'play-h' }, 'Allowed there'), list(judged.allowed.map(answer => [code(answer),
                ...(set ? [' ', el('button', { type: 'button', class: 'q', click: () => set(judged.line, answer) },
                    'write it', el('span', { class: 'vh' }, ` in line ${judged.line}: ${answer}`))] : [])])));
        }
        if (judged.rules.length) {
            out.push(el('p', { class: 'play-h' }, 'By the rules'), list(judged.rules.map(id => Play.rule(id, rules))));
        }
        if (judged.mistakes.length) {
            out.push(el('p', { class: 'play-h' }, 'The reason: one of these mistakes of a kernel explains it'),
                list(judged.mistakes.slice(0, 6)));
            if (judged.mistakes.length > 6) {
                out.push(el('p', {}, `and ${count(judged.mistakes.length - 6, 'more mistake')}`));
            }
        }
        return out;
    };

    Play.badLine = judged => judged.result === 'refused' || judged.result === 'malformed' ? judged.line : judged.until?.line;

    // The address of the explorer with a program.
    Play.address = trace => `${Play.base}explorer.html#t=${encodeURIComponent(trace.trimEnd())}`;

    // Copies a text; where that is refused, shows it.
    Play.copy = async function (text, said) {
        try {
            await navigator.clipboard.writeText(text);
            said.textContent = 'Copied.';
        } catch {
            said.textContent = text;
        }
    };
})();
