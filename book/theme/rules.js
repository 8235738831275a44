// What pages do beyond being read. Everything works without this script except the actions, which rules.css hides then.
(function () {
    'use strict';

    // The sidebar opens by a button, which a keyboard can reach; mdBook's script listens to the checkbox.
    const sidebar = document.getElementById('mdbook-sidebar');
    const checkbox = document.getElementById('mdbook-sidebar-toggle-anchor');
    const toggle = document.getElementById('mdbook-sidebar-toggle');
    toggle.addEventListener('click', () => {
        checkbox.checked = !checkbox.checked;
        checkbox.dispatchEvent(new Event('change'));
    });
    function follow() {
        const visible = document.documentElement.classList.contains('sidebar-visible');
        sidebar.inert = !visible;
        sidebar.removeAttribute('aria-hidden');
        toggle.setAttribute('aria-expanded', visible);
        for (const link of sidebar.querySelectorAll('a.active')) {
            link.setAttribute('aria-current', 'page');
        }
    }
    new MutationObserver(follow).observe(document.documentElement, { attributeFilter: ['class'] });
    follow();

    // A link to a rule or to a line of a long list opens what it is folded in.
    function unfold() {
        let id = location.hash.slice(1);
        try {
            id = decodeURIComponent(id);
        } catch {
            // Not encoded, or damaged.
        }
        const target = document.getElementById(id);
        if (!target) {
            // The rule has moved to another page since the link was made.
            if (/^(process|thread|keyring)(\.[a-z0-9-]+)+$/.test(id)) {
                location.replace(`${path_to_root}rule/${id}.html`);
            }
            return;
        }
        for (let it = target.closest('details'); it; it = it.parentElement.closest('details')) {
            it.open = true;
        }
        const rest = target.parentElement.querySelector(':scope > .rest, :scope > .body');
        if (rest) {
            rest.open = true;
        }
        target.scrollIntoView();
    }
    addEventListener('hashchange', unfold);
    addEventListener('load', unfold);

    // The title of a row opens and closes it.
    document.addEventListener('click', function (event) {
        const title = event.target.closest('.row > h2 a.header');
        if (title) {
            event.preventDefault();
            const body = title.closest('.row').querySelector('.body');
            body.open = !body.open;
            history.replaceState(null, '', title.hash);
        }
    });

    // On the page that a search leads to, whole words are marked, and not those that are everywhere in this book.
    const Marker = window.Mark, everywhere = /^(\w{1,3}|keys?|keyrings?)$/i;
    window.Mark = Marker && function (place) {
        const marker = new Marker(place), mark = marker.mark;
        marker.mark = (words, options) =>
            mark(words.filter(word => !everywhere.test(word)), { ...options, accuracy: 'exactly' });
        return marker;
    };

    // The operation of a row in a table opens and closes what stands below the row.
    function below(operation, open) {
        document.getElementById(operation.hash.slice(1)).classList.toggle('open', open);
        operation.setAttribute('aria-expanded', open);
    }
    for (const operation of document.querySelectorAll('.op')) {
        below(operation, operation.hash === location.hash);
    }
    document.addEventListener('click', function (event) {
        const operation = event.target.closest('.op');
        if (operation) {
            event.preventDefault();
            below(operation, operation.getAttribute('aria-expanded') === 'false');
            history.replaceState(null, '', operation.hash);
            reach();
        }
    });

    // Code that scrolls can be scrolled with the keyboard.
    function reach() {
        for (const code of document.querySelectorAll('pre > code')) {
            if (code.scrollWidth > code.clientWidth) {
                code.tabIndex = 0;
            } else {
                code.removeAttribute('tabindex');
            }
        }
    }
    addEventListener('resize', reach);
    addEventListener('load', reach);
    document.addEventListener('toggle', reach, true);
    reach();

    function copied(button, text) {
        button.parentNode.querySelector('[role=status]').textContent = text;
    }

    document.addEventListener('click', function (event) {
        const button = event.target.closest('[data-cite]');
        if (!button) {
            return;
        }
        const text = button.dataset.cite;
        // There is no clipboard on pages that a browser holds for insecure, and it can be refused.
        const done = navigator.clipboard ? navigator.clipboard.writeText(text) : Promise.reject();
        done.then(() => copied(button, 'Copied.'), () => copied(button, text));
    });
})();
