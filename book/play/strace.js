// Paste your strace: what `keybook strace` says, in the page.
(function () {
    'use strict';
    const { Play } = globalThis, { el, count } = Play;
    const SHOWN = 12;

    function found(finding, nth, rules) {
        return el('li', {}, el('h2', {}, `${nth + 1}. ${finding.title}`),
            el('p', {}, `${finding.text}.${finding.count > 1 ? ` This happened ${finding.count} times.` : ''}`),
            el('p', { class: 'play-note' }, `Lines: ${finding.places.join(', ')}`),
            el('p', {}, el('b', {}, 'Instead: '), finding.instead),
            el('p', {}, finding.rules.length ? el('b', {}, finding.rules.length > 1 ? 'Rules: ' : 'Rule: ') : '',
                finding.rules.flatMap((id, nth) => [nth ? ', ' : '', Play.rule(id, rules)])));
    }

    function sentence({ text, count: times, place, rules: ids }, rules) {
        const notes = [...(place ? [place] : []), ...ids.map(id => Play.rule(id, rules))];
        return el('li', {}, times > 1 ? `${text} (${times} times)` : text,
            notes.length ? el('span', { class: 'play-note' }, ' [', notes.flatMap((note, nth) => [nth ? ', ' : '', note]), ']') : '');
    }

    function story({ name, sentences }, rules) {
        const rest = sentences.length - SHOWN;
        return el('details', {}, el('summary', {}, name[0].toUpperCase() + name.slice(1)),
            el('ul', {}, sentences.slice(0, SHOWN).map(it => sentence(it, rules)),
                rest > 0 ? el('li', {}, `… and ${rest} more`) : ''));
    }

    function shown(log, rules) {
        if (log.result !== 'explained') {
            return [el('p', { class: 'play-bad' }, `The log cannot be read: ${log.because}.`)];
        }
        const all = log.findings.length + log.findings_left_out;
        const within = `(${count(log.key_calls, 'key call')} in ${count(log.lines, 'line')})`;
        const out = [];
        if (!log.key_calls) {
            out.push(el('p', { class: 'play-some' }, `No key call in ${count(log.lines, 'line')}.`));
        } else {
            out.push(el('p', { class: all ? 'play-bad' : 'play-good' }, `${all ? count(all, 'finding') : 'Nothing found'} ${within}`));
        }
        if (log.unjudged) {
            out.push(el('p', {}, `${count(log.unjudged, 'key call')} could not be judged: the log does not show enough of what was before.`));
        }
        if (log.unparsed) {
            out.push(el('p', {}, `${count(log.unparsed, 'line')} could not be read, such as:`),
                el('ul', {}, log.samples.slice(0, 3).map(it => el('li', {}, `${it.place}: `, el('code', {}, it.text)))));
        }
        if (log.cut) {
            out.push(el('p', {}, `${count(log.cut, 'line')} longer than 1 MiB: the rest was left out.`));
        }
        out.push(el('ol', { class: 'play-found' }, log.findings.map((it, nth) => found(it, nth, rules))));
        if (log.findings_left_out) {
            out.push(el('p', {}, `… and ${count(log.findings_left_out, 'more finding')} of these kinds`));
        }
        if (log.stories.length) {
            out.push(el('h2', {}, 'What happened to each keyring and key'),
                log.shows_files ? '' : el('p', {}, 'The log does not show which files are open; one of them may keep a keyring longer than told here (',
                    Play.rule('keyring.pin.file', rules), ').'),
                ...log.stories.map(it => story(it, rules)));
        }
        if (log.stories_left_out) {
            out.push(el('p', {}, `… and ${count(log.stories_left_out, 'more key')}`));
        }
        return out;
    }

    Play.pages.strace = async function (place) {
        const { rules, table } = await Play.rules();
        const ask = Play.worker('logs', 'faults');
        const told = el('div', { class: 'play-told', role: 'status' });
        const text = el('textarea', { id: 'play-log', class: 'play-text', rows: 8, spellcheck: 'false', autocapitalize: 'off', wrap: 'off' });
        const file = el('input', { type: 'file', id: 'play-file' });
        async function explain(log, name) {
            const bytes = typeof log === 'string' ? log.length : log.byteLength;
            told.replaceChildren(el('p', {}, `Reading ${(bytes / 1e6).toFixed(1)} MB …`));
            try {
                told.replaceChildren(...shown(await ask('strace', log, name, table), rules));
            } catch (error) {
                if (error.name !== 'AbortError') {
                    Play.fail(told, error);
                }
            }
        }
        let timer;
        text.addEventListener('input', () => {
            clearTimeout(timer);
            timer = setTimeout(() => text.value ? explain(text.value, 'log') : told.replaceChildren(), 300);
        });
        async function read(log) {
            explain(new Uint8Array(await log.arrayBuffer()), log.name);
        }
        // A large text in an editor would freeze the page, so it goes straight to the worker.
        text.addEventListener('paste', event => {
            const pasted = event.clipboardData.getData('text');
            if (pasted.length > 1_000_000) {
                event.preventDefault();
                text.value = `${pasted.slice(0, 2000)}\n… ${(pasted.length / 1e6).toFixed(1)} MB pasted`;
                explain(pasted, 'log');
            }
        });
        file.addEventListener('change', () => file.files[0] && read(file.files[0]));
        place.addEventListener('dragover', event => event.preventDefault());
        place.addEventListener('drop', event => {
            if (event.dataTransfer.files[0]) {
                event.preventDefault();
                read(event.dataTransfer.files[0]);
            }
        });
        place.replaceChildren(
            el('p', {}, el('label', { for: file.id }, 'A log from a file: '), file),
            el('label', { for: text.id }, 'or paste it here'), text, told);
    };
})();
