// Campaign: one decision of the model is made wrong, and the rules that notice turn red.
(function () {
    'use strict';
    const { Play } = globalThis, { el, count } = Play;

    Play.pages.campaign = async function (place) {
        const [{ rules }, traces, laws] = await Promise.all([Play.rules(), Play.allTraces(), Play.ask('laws')]);
        const ask = Play.worker('rules');
        const filter = el('input', { type: 'search', id: 'play-filter', placeholder: 'fork, revoked, quota …' });
        const choice = el('select', { id: 'play-law', size: 8 });
        const told = el('div', { class: 'play-told', role: 'status' });
        const board = el('ol', { class: 'play-board' });
        const detail = el('div', { class: 'play-detail' });
        const ids = Object.keys(rules).filter(id => traces.includes(`# ${id}\n`));
        const cells = new Map(ids.map(id => [id, el('a', { href: Play.root() + rules[id][1], title: id },
            el('span', { class: 'vh' }, rules[id][0]))]));
        board.replaceChildren(...[...cells.values()].map(cell => el('li', {}, cell)));

        function offer() {
            const words = filter.value.toLowerCase().split(/\s+/);
            const fits = laws.filter(({ law, does }) => words.every(word => `${law} ${does}`.toLowerCase().includes(word)));
            choice.replaceChildren(...fits.map(({ law, does }) => el('option', { value: law, title: law }, does)));
        }
        async function run() {
            const law = laws.find(({ law }) => law === choice.value);
            if (!law) {
                return;
            }
            history.replaceState(null, '', `#${law.law}`);
            told.replaceChildren(el('p', {}, `Judging ${count(ids.length, 'trace')} …`));
            try {
                const noticed = await ask('wrong', law.law, traces);
                const red = new Map(noticed.map(it => [it.rule, it]));
                cells.forEach((cell, id) => {
                    cell.classList.toggle('red', red.has(id));
                    cell.querySelector('.vh').textContent = `${rules[id][0]}${red.has(id) ? ': does not hold' : ''}`;
                });
                told.replaceChildren(el('p', { class: noticed.length ? 'play-bad' : 'play-good' },
                    `If ${law.does}: ${count(noticed.length, 'rule')} of ${ids.length} ${noticed.length === 1 ? 'turns' : 'turn'} red.`));
                const line = it => el('li', {}, Play.rule(it.rule, rules), el('br'), el('code', {}, it.event),
                    it.instead.length ? [el('br'), 'Such a kernel: ', it.instead.flatMap((one, nth) => [nth ? ' or ' : '', el('code', {}, one)])] : '');
                const [first, rest] = [noticed.slice(0, 10), noticed.slice(10)];
                detail.replaceChildren(el('ul', {}, first.map(line)), ...(rest.length
                    ? [el('details', {}, el('summary', {}, `${count(rest.length, 'more rule')}`), el('ul', {}, rest.map(line)))] : []));
            } catch (error) {
                if (error.name !== 'AbortError') {
                    Play.fail(told, error);
                }
            }
        }
        function address() {
            const law = location.hash.slice(1);
            if (laws.some(it => it.law === law)) {
                filter.value = '';
                offer();
                choice.value = law;
                run();
            } else if (law) {
                told.replaceChildren(el('p', { class: 'play-some' }, 'The address names a decision that this model does not have. Choose one.'));
            }
        }
        filter.addEventListener('input', offer);
        choice.addEventListener('change', run);
        addEventListener('hashchange', address);
        offer();
        place.replaceChildren(
            el('p', {}, el('label', { for: filter.id }, `Find one of ${laws.length} mistakes: `), filter),
            el('label', { for: choice.id }, 'A kernel in which'), choice, told, board, detail);
        address();
    };
})();
