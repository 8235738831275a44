// What pages do beyond being read. Everything works without this script except the actions, which rules.css hides then.
(function () {
    'use strict';

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
