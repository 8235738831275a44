// The search of this book, in place of mdBook's: mdBook's script asks it as it would ask elasticlunr.
(function () {
    'use strict';
    const STOP = new Set(('a an and are as at be by can did do does for from had has have how i if in into is it its me my '
        + 'not of on or our so than that the then there they this to was what when where which who why will with you your').split(' '));
    // What a word is worth, by where it stands.
    const ID = 9, TITLE = 6, STATEMENT = 3, NAMES = 3, REASON = 1;
    const PREFIX = 0.5, SYNONYM = 0.7, WHOLE = 100;

    // Words in lower case. A name such as keyctl_read also counts as its parts.
    function words(text) {
        const all = text.toLowerCase().replace(/[’']s\b/g, '').match(/@?[a-z0-9_]+/g) || [];
        return all.concat(...all.filter(word => /[a-z]_/.test(word)).map(word => word.split('_')));
    }

    function queryWords(query) {
        const all = query.toLowerCase().replace(/\(\d?\w*\)|[’']s\b/g, ' ').match(/@?[a-z0-9_]+/g) || [];
        return telling(all);
    }

    // Without the words that every question has, so that a long question is found as a short title is.
    function telling(words) {
        const some = words.filter(word => !STOP.has(word));
        return some.length ? some : words;
    }

    // The beginning that the forms of a word share: revoke, revoked, revoking; thread, threads.
    function stem(word) {
        const short = word.replace(/(ing|ed|es|s|e)$/, '');
        return short.length >= 3 ? short : word;
    }

    function load({ docs, synonyms }) {
        // The title of a page or section is what the id of a rule is; a section is also about what its page is about.
        const fields = docs.map(([, id, title, statement, reason, names, page]) => [
            [ID, telling(words(id || title)), true], [TITLE, telling(words(title)), true], [STATEMENT, words(statement)],
            [NAMES, words(names)], [REASON, words(id ? reason : `${reason} ${page}`)],
        ].map(([weight, list, divided]) => ({ weight, set: new Set(list), divided })));

        const titles = docs.map(([, , title]) => words(title).join(' '));

        // What one word is worth in a document; in ids and titles it shares the worth with the others there.
        function worth(word, document, exactly) {
            const begin = stem(word);
            let sum = 0;
            for (const { weight, set, divided } of fields[document]) {
                let match = set.has(word) ? 1 : 0;
                if (!match && !exactly && begin.length >= 3) {
                    for (const other of set) {
                        if (other.startsWith(begin)) {
                            match = stem(other) === begin ? 0.9 : PREFIX;
                            break;
                        }
                    }
                }
                sum += match && match * weight / (divided ? Math.sqrt(set.size) : 1);
            }
            return sum;
        }

        const phrases = Object.entries(synonyms).filter(([phrase]) => phrase.includes(' '));

        function search(text) {
            let query = text.trim().toLowerCase();
            for (const [phrase, others] of phrases) {
                query = query.replace(phrase, others.join(' '));
            }
            const wanted = queryWords(query), whole = words(text).join(' ');
            const found = docs.map((doc, document) => {
                let score = doc[1].toLowerCase() === query || titles[document] === whole ? WHOLE : 0, matched = 0;
                for (const word of wanted) {
                    const others = Object.hasOwn(synonyms, word) ? synonyms[word] : [];
                    const best = Math.max(worth(word, document), ...others.map(other => SYNONYM * worth(other, document, true)));
                    score += best;
                    matched += best > 0;
                }
                return { document, score, matched };
            });
            // All words; if no place has them all, the places that have most, and the place with that name.
            const most = Math.max(...found.map(({ matched }) => matched));
            return found.filter(({ matched, score }) => (matched === most && most > 0) || score >= WHOLE)
                .sort((a, b) => b.score - a.score || a.document - b.document)
                .map(({ document, score }) => {
                    const [, id, title, statement, reason, , page] = docs[document];
                    const name = id ? `${title} <code>${id}</code>` : page.startsWith(title) ? page : `${title} · ${page}`;
                    return { ref: document, score, doc: { title, body: `${statement} ${reason}`, breadcrumbs: name } };
                });
        }
        return { search };
    }

    const index = DATA;
    elasticlunr.Index.load = load;
    Object.assign(window.search, {
        results_options: { limit_results: 30, teaser_word_count: 30 },
        search_options: {},
        doc_urls: index.docs.map(([url]) => url),
        index,
    });
})();
