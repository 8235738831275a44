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
