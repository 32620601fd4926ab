/* The support bundle of the sidebar: a file for whoever helps, with numbers only when they are asked for. */
window.o2gSupport = (function () {
  'use strict';

  function save(name, text) {
    const url = URL.createObjectURL(new Blob([text], { type: 'application/json' }));
    $('<a>').attr({ href: url, download: name })[0].click();
    URL.revokeObjectURL(url);
  }

  /** @param place an element that gets what it says, the box and the button */
  function offer(place, words) {
    const numbers = $('<input type="checkbox">');
    const download = $('<button type="button" class="red-ui-button red-ui-button-small">').append(
      $('<i class="fa fa-download" aria-hidden="true">'),
      document.createTextNode(` ${words('bundle.download')}`),
    );
    $('<p>').text(words('bundle.what')).appendTo(place);
    $('<label>')
      .append(numbers, document.createTextNode(` ${words('bundle.numbers')}`))
      .appendTo(place);
    download.appendTo(place).on('click', () => {
      download.prop('disabled', true);
      $.ajax({ url: `o2g/support${numbers.prop('checked') ? '/numbers' : ''}`, dataType: 'text' })
        .done((text) => {
          save(`o2g-support-${new Date().toISOString().slice(0, 16).replace(/\D/g, '')}.json`, text);
        })
        .fail(() => {
          RED.notify(words('failed'), 'error');
        })
        .always(() => {
          download.prop('disabled', false);
        });
    });
  }

  return { offer };
})();
