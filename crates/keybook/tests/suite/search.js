// Answers queries, one a line on standard input, with the addresses of the first three results, one line for each query.
// The argument is the index, which is a script for browsers.
const fs = require('fs');
const { createContext, runInContext } = require('vm');

const context = createContext({ elasticlunr: { Index: {} }, window: { search: {} } });
runInContext(fs.readFileSync(process.argv[2], 'utf8'), context);
const { doc_urls, search_options, index } = context.window.search;
const searcher = context.elasticlunr.Index.load(index);
for (const query of fs.readFileSync(0, 'utf8').trimEnd().split('\n')) {
    const results = searcher.search(query, search_options);
    console.log(results.slice(0, 3).map(({ ref }) => doc_urls[ref]).join(' '));
}
