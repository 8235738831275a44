// Try it: a trace that can be edited, judged at each key press.
(function () {
    'use strict';
    const { Play } = globalThis, { el } = Play;
    let editors = 0;

    // Replaces the outcome of a line.
    const answered = (line, answer) => line.replace(/\)( = .*)?$/, '') + (answer === 'no outcome' ? ')' : `) ${answer}`);

    // An editor for a trace. `home` has the trace to which it returns.
    Play.editor = async function (trace, options = {}) {
        const { rules, table } = await Play.rules();
        const nth = ++editors;
        const text = el('textarea', {
            id: `play-trace-${nth}`, class: 'play-text', spellcheck: 'false', autocapitalize: 'off', autocomplete: 'off',
            wrap: 'off', 'aria-describedby': `play-said-${nth}`,
        });
        const marks = el('div', { class: 'play-marks', 'aria-hidden': 'true' });
        const told = el('div', { id: `play-said-${nth}`, class: 'play-told', role: 'status' });
        const said = el('span', { class: 'said', role: 'status' });
        const explore = el('a', {}, 'Open it in the explorer');

        let asked = 0;
        async function judge() {
            const mine = ++asked, value = text.value;
            try {
                const judged = await Play.ask('judge', value, table);
                if (mine !== asked) {
                    return;
                }
                const bad = Play.badLine(judged), unknown = judged.calls?.map(call => call.line) ?? [];
                const lines = value.split('\n');
                marks.replaceChildren(...lines.map((_, nth) => el('span', {
                    class: nth + 1 === bad ? 'bad' : unknown.includes(nth + 1) ? 'some' : undefined,
                }, String(nth + 1))));
                text.toggleAttribute('aria-invalid', bad !== undefined);
                if (bad !== undefined) {
                    text.setAttribute('aria-invalid', 'true');
                }
                text.rows = Math.min(Math.max(lines.length, 3), 24);
                told.replaceChildren(...Play.verdict(judged, rules, set));
                explore.hidden = judged.result !== 'allowed' || value.length > Play.limit;
                explore.href = Play.address(value.slice(0, Play.limit));
                options.judged?.(judged, value);
            } catch (error) {
                Play.fail(told, error);
            }
        }
        function set(line, answer) {
            const lines = text.value.split('\n');
            lines[line - 1] = answered(lines[line - 1], answer);
            text.value = lines.join('\n');
            text.focus();
            judge();
        }
        text.addEventListener('input', judge);
        text.addEventListener('scroll', () => { marks.scrollTop = text.scrollTop; });
        text.value = trace.trimEnd();
        await judge();
        return el('div', { class: 'play-try' },
            el('label', { for: text.id }, options.label ?? 'The trace, judged while you type: a task, two spaces, a call, its answer'),
            el('div', { class: 'play-edit' }, marks, text), told,
            el('p', { class: 'play-acts' },
                el('button', { type: 'button', class: 'q', click: () => { text.value = trace.trimEnd(); judge(); text.focus(); } }, 'Start again'),
                el('button', { type: 'button', class: 'q', click: () => Play.copy(text.value, said) }, 'Copy the trace'),
                explore, said));
    };

    // Opens the editor below a rule.
    Play.tryIt = async function (button) {
        const place = button.closest('.play-here');
        const open = place.querySelector('.play-try');
        if (open) {
            open.remove();
            button.setAttribute('aria-expanded', 'false');
            return;
        }
        const told = place.querySelector('[role=status]');
        try {
            const trace = button.closest('.rule').querySelector('.plain code').textContent;
            const editor = await Play.editor(trace);
            told.textContent = '';
            place.append(editor);
            button.setAttribute('aria-expanded', 'true');
            editor.querySelector('textarea').focus();
        } catch (error) {
            told.textContent = error.message;
        }
    };
})();
