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
