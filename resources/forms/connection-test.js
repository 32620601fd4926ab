/* The "Test connection" of an o2g-server's form: sends what the form holds now and tells each step as the runtime comes to its end. */
window.o2gTrial = (function () {
  'use strict';

  const words = (key, values) => RED._(`@o2g/node-red-recording/o2g-server:trial.${key}`, values);
  const ICONS = {
    ok: 'fa-check-circle',
    failed: 'fa-times-circle',
    skipped: 'fa-minus-circle',
    notReached: 'fa-circle-o',
  };
  /** What Node-RED's editor shows in place of a stored password. */
  const STORED = '__PWRD__';

  /** A property as the form shows it, as text; without a field, as the node has it. */
  function textOf(node, name) {
    const input = $(`#node-config-input-${name}`);
    const value = input.length === 0 ? node[name] : input.val();
    // A new node of a configuration that isn't there yet has this value in the editor's menus.
    return value === undefined || value === null || value === '_ADD_' ? '' : String(value);
  }

  /** The values of the form, and of the credentials those that are not just the sign of a stored one. */
  function valuesOf(node) {
    const texts = (names) => names.map((name) => [name, textOf(node, name)]);
    const typed = texts(Object.keys(node._def.credentials)).filter(([, value]) => value !== STORED);
    return {
      id: node.id,
      properties: Object.fromEntries(texts(Object.keys(node._def.defaults))),
      credentials: Object.fromEntries(typed),
    };
  }

  /** One line of the list: an icon, what was tried and how it ended, facts, and what to do. */
  function row({ step, outcome, note, detail }) {
    const line = $('<li>').addClass(`o2g-trial-${outcome}`);
    $('<i aria-hidden="true">').addClass(`fa ${ICONS[outcome]}`).appendTo(line);
    const text = $('<div>').appendTo(line);
    $('<b>')
      .text(words(`step.${step}`))
      .appendTo(text);
    $('<span>')
      .text(` ${words(`outcome.${outcome}`)}`)
      .appendTo(text);
    if (note)
      $('<p>')
        .text(words(`note.${note}`))
        .appendTo(text);
    if (detail) $('<p class="o2g-trial-detail">').text(detail).appendTo(text);
    return line;
  }

  /** Calls back with each whole line of a text that grows. */
  function lineReader(onLine) {
    let read = 0;
    return (text) => {
      const end = text.lastIndexOf('\n') + 1;
      for (const line of text.slice(read, end).split('\n')) if (line !== '') onLine(JSON.parse(line));
      read = Math.max(read, end);
    };
  }

  /**
   * Makes the button and the list work.
   * @param button starts a trial
   * @param list is filled
   */
  function attach(node, button, list) {
    let request;
    const fail = (text) => {
      $('<li class="o2g-trial-failed">').text(text).appendTo(list);
    };
    const tell = (line, site) => {
      if (line.error) return fail(line.error);
      if (line.site !== site) $('<li class="o2g-trial-site">').text(line.site).appendTo(list);
      list.append(row(line));
    };
    button.on('click', () => {
      let site;
      const read = lineReader((line) => {
        tell(line, site);
        site = line.site;
      });
      list.empty();
      button.prop('disabled', true);
      request = $.ajax({
        url: 'o2g/trial',
        method: 'POST',
        contentType: 'application/json',
        dataType: 'text',
        data: JSON.stringify(valuesOf(node)),
        xhrFields: {
          onprogress() {
            read(this.responseText);
          },
        },
      });
      request
        .done(read)
        .fail(({ status, statusText }) => {
          if (statusText !== 'abort') fail(status === 401 ? words('forbidden') : words('unanswered'));
        })
        .always(() => {
          button.prop('disabled', false);
        });
    });
    // Closing the form gives up.
    button.on('remove', () => {
      request?.abort();
    });
  }

  return { attach };
})();
