// Loads Play where it is used: on its pages, and when "Try it" is pressed below a rule.
(function () {
    'use strict';
    const base = new URL(`${path_to_root}play/`, location.href).href;

    const loads = new Map();
    function load(name) {
        if (!loads.has(name)) {
            loads.set(name, new Promise((done, failed) => {
                const tag = name.endsWith('.css') ? Object.assign(document.createElement('link'), { rel: 'stylesheet', href: base + name })
                    : Object.assign(document.createElement('script'), { src: base + name });
                tag.onload = done;
                tag.onerror = () => failed(new Error(`${name} is missing`));
                document.head.append(tag);
            }));
        }
        return loads.get(name);
    }
    async function start(...names) {
        await load('play.css');
        for (const name of ['module.js', 'view.js', 'try.js', ...names]) {
            await load(name);
        }
        return globalThis.Play;
    }

    document.addEventListener('click', async function (event) {
        const button = event.target.closest('[data-try]');
        if (button) {
            const Play = await start();
            Play.tryIt(button);
        }
    });

    const place = document.querySelector('[data-play]');
    if (place) {
        const name = place.dataset.play;
        start(`${name}.js`).then(Play => Play.pages[name](place)).catch(error => {
            place.textContent = error.message;
        });
    }
})();
