// Explorer: a task makes a call, and the model offers every answer that a correct kernel may give.
(function () {
    'use strict';
    const { Play } = globalThis, { el } = Play;

    // The calls that people ask about, by what they are about: a label and the call. The model says which of them can be made,
    // and what they return. Every other call can be written.
    function common(state, task, key) {
        const own = id => [`The ${id === '@t' ? 'thread' : 'process'} keyring ${id}`, [
            ['look', `keyctl_get_keyring_ID(${id}, 0)`],
            ['create', `keyctl_get_keyring_ID(${id}, 1)`],
            ['add a key', `add_key("user", "token", "secret", ${id})`],
            ['list', `keyctl_read(${id})`],
            ['revoke', `keyctl_revoke(${id})`],
        ]];
        const tasks = [
            ['new thread', 'pthread_create()'],
            ['fork', 'fork()'],
            ['execve', 'execve(self)'],
            // The first task cannot end: nothing would be left to look.
            ...(task === 'main' ? [] : [['end the thread', 'pthread_exit()'], ['end the process', 'exit(0)']]),
            ...state.zombies.map(zombie => [`wait for ${zombie}`, `waitpid(${zombie})`]),
        ];
        const more = [['open a file', 'open("/dev/null")'], ['close it', 'close(file)'], ['the collector runs', 'wait_for_the_collector()']];
        const known = state.keys.find(it => it.name === key);
        const about = !known ? [] : [
            ['still there?', `keyctl_describe(${key})`],
            [known.is_keyring ? 'list' : 'read', `keyctl_read(${key})`],
            ['link to @t', `keyctl_link(${key}, @t)`],
            ['link to @p', `keyctl_link(${key}, @p)`],
            ['revoke', `keyctl_revoke(${key})`],
            ['invalidate', `keyctl_invalidate(${key})`],
            ['wait until it is gone', `wait_until(${key})`],
        ];
        return [own('@t'), own('@p'), ['Tasks', tasks], ['Files and time', more], ['key', about]];
    }

    Play.pages.explorer = async function (place) {
        const [{ rules, examples }, calls] = await Promise.all([Play.rules(), Play.ask('calls')]);
        // `lines` were made, `ahead` are the rest of the program from the address.
        let lines = [], ahead = [], task = 'main', key, note = '', turn = 0;

        const picture = el('div'), words = el('p', { class: 'play-words', role: 'status' });
        const choices = el('div', { class: 'play-calls' });
        const answers = el('div', { class: 'play-answers', role: 'status' });
        const program = el('ol', { class: 'play-program', 'aria-label': 'The calls' });
        const said = el('span', { class: 'said', role: 'status' });
        const more = el('div');
        const text = () => lines.map(line => `${line}\n`).join('');
        const whole = () => [...lines, ...ahead].map(line => `${line}\n`).join('');

        const back = el('button', { type: 'button', click: () => go(lines.slice(0, -1), [...lines.slice(-1), ...ahead]) }, 'Previous');
        const next = el('button', { type: 'button', click: () => go([...lines, ...ahead.slice(0, 1)], ahead.slice(1)) }, 'Next');
        const again = el('button', { type: 'button', click: () => go([], []) }, 'Start again');
        const step = el('span', { class: 'play-note' }), last = el('code');
        const judge = el('button', { type: 'button', class: 'q', click: async () => more.replaceChildren(await Play.editor(whole(),
            { label: 'The trace: change it, and open it in the explorer again' })) }, 'Judge the trace');
        const run = el('button', { type: 'button', class: 'q', click: snippet }, 'Run this on a kernel');
        const copy = el('button', { type: 'button', class: 'q', click: () => Play.copy(location.href, said) }, 'Copy the address');

        const other = el('select', { id: 'play-other', change: example }, [...calls].sort().map(call => el('option', {}, call)));
        const where = el('p', { class: 'play-note' });
        const written = el('input', { id: 'play-written', type: 'text', spellcheck: 'false', autocapitalize: 'off', autocomplete: 'off' });
        const form = el('form', { class: 'play-other', submit: event => { event.preventDefault(); call(written.value); } },
            el('label', { for: other.id }, 'Any other call '), other, ' ',
            el('label', { for: written.id, class: 'vh' }, 'The call with its arguments'), written, ' ',
            el('button', { type: 'submit' }, 'What may it return?'), where);

        // How the chosen call is written, and a rule whose program makes it next.
        function example() {
            const [written_, id, nth] = examples[other.value] ?? [`${other.value}()`];
            written.value = written_;
            where.replaceChildren(...(id ? ['A rule makes this call: ',
                el('a', { href: `${location.pathname}?rule=${encodeURIComponent(id)}&calls=${nth}` }, 'its program up to there'), '.'] : []));
        }
        other.value = 'keyctl_set_reqkey_keyring';
        example();

        // Shows the state after these lines. With `keep`, neither is new.
        async function go(made, rest, keep) {
            [lines, ahead] = [made, rest];
            if (rest.length && !keep) {
                task = rest[0].split(/\s+/)[0];
            }
            const mine = ++turn;
            try {
                const state = await Play.ask('follow', text());
                if (!state.tasks.includes(task)) {
                    task = state.tasks[0] ?? 'main';
                }
                if (!state.keys.some(it => it.name === key)) {
                    key = state.keys.at(-1)?.name;
                }
                const groups = common(state, task, key);
                const offered = await Play.ask('offer', text(), task, groups.flatMap(([, list]) => list.map(([, call]) => call)).join('\n'));
                if (mine !== turn) {
                    return;
                }
                show(state, groups, offered);
                if (!keep) {
                    answers.replaceChildren(...(note ? [el('p', { class: 'play-some' }, note)] : []));
                    note = '';
                    more.replaceChildren();
                    history.replaceState(null, '', location.pathname + hash());
                }
            } catch (error) {
                Play.fail(answers, error);
            }
        }

        // The whole program, and how many of its calls were made if not all.
        function hash() {
            const program = whole().trimEnd();
            return program && `#t=${encodeURIComponent(program)}${ahead.length ? `&n=${lines.length}` : ''}`;
        }

        function show(state, groups, offered) {
            picture.replaceChildren(Play.drawing(state.svg));
            words.textContent = state.sentences.join(' ');
            const line = (line, nth) => el('li', nth < lines.length ? { 'aria-current': nth === lines.length - 1 && ahead.length > 0 && 'step' }
                : { class: 'ahead' }, el('code', {}, line));
            program.replaceChildren(...[...lines, ...ahead].map(line));
            again.disabled = !lines.length && !ahead.length;
            const used = document.activeElement;
            [back.disabled, next.disabled] = [!lines.length, !ahead.length];
            last.textContent = lines.at(-1) ?? '';
            step.textContent = ahead.length ? `Call ${lines.length} of ${lines.length + ahead.length}` : '';
            // A button that can no longer be pressed would lose the keyboard.
            if ([back, next].includes(used) && used.disabled) {
                (used === back ? next : back).focus();
            }
            const pills = (legend, name, all, chosen, choose) => el('fieldset', { class: 'play-pills' }, el('legend', {}, legend),
                all.map(one => el('label', {}, el('input', { type: 'radio', name, value: one, checked: one === chosen, change: () => choose(one) }),
                    el('span', {}, one))));
            let nth = 0;
            const buttons = list => list.map(([label, what]) => {
                const { answers: all, problem } = offered[nth++];
                return el('button', {
                    type: 'button', title: what, disabled: problem !== undefined || !all.length, click: () => call(what),
                }, label, el('span', { class: 'vh' }, ` ${what}`));
            });
            const focus = choices.contains(document.activeElement) ? document.activeElement.dataset.at ?? document.activeElement.value : undefined;
            const parts = groups.map(([name, list]) => {
                if (name !== 'key') {
                    return el('div', { class: 'play-group' }, el('p', { class: 'play-h' }, name), el('div', {}, buttons(list)));
                }
                return !list.length ? '' : el('div', { class: 'play-group' },
                    pills('A key', 'play-key', state.keys.map(it => it.name), key, one => { key = one; go(lines, ahead, true); }),
                    el('div', {}, buttons(list)));
            });
            choices.replaceChildren(...[pills('The task that calls', 'play-task', state.tasks, task, one => { task = one; go(lines, ahead, true); }),
                ...parts].filter(part => part !== ''));
            // The keyboard stays where it was.
            choices.querySelectorAll('button').forEach((button, nth) => { button.dataset.at = `b${nth}`; });
            if (focus !== undefined) {
                [...choices.querySelectorAll('button, input')].find(it => (it.dataset.at ?? it.value) === focus)?.focus();
            }
        }

        const isQuota = answer => answer.outcome.startsWith('= -1 EDQUOT');
        const option = (answer, before) => el('li', {},
            el('button', { type: 'button', click: () => go([...before, answer.line], []) }, el('code', {}, answer.outcome)),
            ` ${isQuota(answer) ? 'The quota of the user is used up.' : answer.then.join(' ')}`);

        // One answer is taken at once; of several, the reader chooses. That a quota is used up is the exception.
        async function call(what) {
            try {
                const [{ answers: all, problem }] = await Play.ask('offer', text(), task, what.replaceAll('\n', ' ') || ' ');
                if (problem) {
                    answers.replaceChildren(el('p', { class: 'play-bad' }, el('code', {}, what), `: ${problem}.`));
                } else if (!all.length) {
                    answers.replaceChildren(el('p', { class: 'play-some' }, el('code', {}, what), ' does not return here.'));
                } else if (all.filter(answer => !isQuota(answer)).length === 1) {
                    const before = lines, usual = all.find(answer => !isQuota(answer));
                    await go([...before, usual.line], []);
                    const others = all.filter(answer => answer !== usual);
                    if (others.length) {
                        answers.replaceChildren(el('p', {}, 'A correct kernel may also answer'),
                            el('ul', { class: 'play-offer' }, others.map(answer => option(answer, before))));
                    }
                } else {
                    answers.replaceChildren(el('p', {}, 'A correct kernel may give any of these answers to ', el('code', {}, what), ':'),
                        el('ul', { class: 'play-offer' }, all.map(answer => option(answer, lines))));
                    answers.querySelector('button').focus();
                }
            } catch (error) {
                Play.fail(answers, error);
            }
        }

        async function snippet() {
            try {
                const { code, by_hand: hand } = await Play.ask('snippet', whole(), 'play.program');
                more.replaceChildren(
                    el('p', {}, 'A section of a page in ', el('code', {}, 'book/'), ' with this program becomes a rule, which ',
                        el('code', {}, 'cargo test play_program'), ' runs on your kernel. CONTRIBUTING.md shows the whole section.'),
                    hand.length ? el('p', { class: 'play-some' }, 'To be written by hand: ', hand.flatMap(call => [el('code', {}, call), ' '])) : '',
                    el('pre', {}, el('code', { tabindex: 0 }, code)));
            } catch (error) {
                Play.fail(answers, error);
            }
        }

        // The program in the address: the trace itself, or a rule's trace, and how many of its calls were made.
        async function address() {
            const asked = new URLSearchParams(location.search), id = asked.get('rule');
            let wanted = '', count = asked.get('calls');
            try {
                const found = location.hash.match(/^#t=(.*?)(?:&n=(\d+))?$/s);
                if (found) {
                    wanted = decodeURIComponent(found[1]);
                    count = found[2];
                } else if (id !== null) {
                    const all = await Play.allTraces();
                    const begin = all.indexOf(`# ${id}\n`);
                    if (begin < 0) {
                        note = 'The address names a rule that this book does not have.';
                    } else {
                        wanted = all.slice(all.indexOf('\n', begin) + 1).split('\n# ')[0];
                    }
                }
            } catch {
                note = 'The program in the address is damaged.';
            }
            if (wanted.length > Play.limit) {
                [wanted, note] = ['', 'The program in the address is too long for the explorer.'];
            }
            let program = wanted.split('\n').filter(line => line.trim());
            // As far as the model allows it.
            const good = await Play.ask('allowed', program.join('\n'));
            if (good < program.length) {
                note = `Line ${good + 1} of the program in the address is not one that the model of this book allows: `
                    + `${program[good]}. The lines before it are here.`;
                program = program.slice(0, good);
            }
            const made = /^\d+$/.test(count ?? '') ? Number(count) : program.length;
            await go(program.slice(0, made), program.slice(made));
        }
        addEventListener('hashchange', address);

        place.replaceChildren(el('div', { class: 'play-explorer' },
            el('section', { 'aria-label': 'The state', class: 'play-drawing' },
                el('p', { class: 'play-buttons' }, back, next, again, step), el('p', { class: 'play-last' }, last), picture, words),
            el('section', { 'aria-label': 'Calls' }, choices, form, answers),
            el('section', { class: 'play-wide', 'aria-label': 'The program' }, program,
                el('p', { class: 'play-acts' }, run, judge, copy, said), more)));
        await address();
    };
})();
