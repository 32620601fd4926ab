/*
 * The recordings page: a window over the editor that finds recordings and plays them. Everything is asked for with the editor's own token and
 * needs the permission o2g.recordings; only sound and files come for a ticket.
 */
window.o2gRecordings = (function () {
  'use strict';

  /** As in recordings.css. */
  const ROW_HEIGHT = 46;
  const DEBOUNCE_MS = 100;
  /** While the index is made, what it knows by now is asked for again. */
  const BUILDING_MS = 1000;
  const DAY_MS = 24 * 3600_000;
  const ALARMS = [
    'any',
    'none',
    'no-media',
    'one-way',
    'encrypted',
    'auth-failed',
    'keys-missing',
    'stranger',
    'disk',
    'interrupted',
  ];

  /** Midnight of a day as it is here, in milliseconds; so many days later. */
  const midnight = (day, later = 0) => new Date(`${day}T00:00:00`).getTime() + later * DAY_MS;
  const milliseconds = (seconds) => Math.round(1000 * Number(seconds));
  /** What is asked for, by the field's value. */
  const FIELDS = {
    device: { type: 'text' },
    party: { type: 'text' },
    user: { type: 'text' },
    callRef: { type: 'text' },
    from: { type: 'date', read: (day) => midnight(day) },
    to: { type: 'date', read: (day) => midnight(day, 1) },
    shortest: { type: 'number', read: milliseconds },
    longest: { type: 'number', read: milliseconds },
  };

  const icon = (name) => $('<i aria-hidden="true">').addClass(`fa ${name}`);

  function make(words) {
    // The editor loads scripts in any order: what they share is there when they are used.
    const { clock } = window.o2gWaveform;
    const dialog = $('<dialog class="o2g-recordings red-ui-editor">').attr('aria-label', words('name'));
    const head = $('<header>')
      .append($('<h2>').text(words('name')))
      .appendTo(dialog);
    const summary = $('<span class="o2g-summary" role="status">').appendTo(head);
    const button = (look, label, run) =>
      $('<button type="button" class="red-ui-button">')
        .attr({ title: label, 'aria-label': label })
        .append(icon(look))
        .on('click', run);
    button('fa-refresh', words('refresh'), () => {
      search();
    }).appendTo(head);
    button('fa-times', words('close'), () => {
      dialog[0].close();
    }).appendTo(head);

    // --- the search -----------------------------------------------------------------------------------------------------------

    const form = $('<form class="o2g-filters" role="search">')
      .attr('aria-label', words('search'))
      .appendTo(dialog);
    const inputs = {};
    const labelled = (name, input) => {
      inputs[name] = input;
      $('<label>')
        .append($('<span>').text(words(`filter.${name}`)), input)
        .appendTo(form);
    };
    for (const [name, { type }] of Object.entries(FIELDS))
      labelled(name, $('<input autocomplete="off">').attr(type === 'number' ? { type, min: 0 } : { type }));
    labelled(
      'alarm',
      $('<select>').append(
        $('<option value="">').text(words('filter.anything')),
        ALARMS.map((alarm) =>
          $('<option>')
            .val(alarm)
            .text(words(`alarm.${alarm}`)),
        ),
      ),
    );
    $('<button type="reset" class="red-ui-button">').text(words('filter.reset')).appendTo(form);

    const main = $('<main>').appendTo(dialog);
    const left = $('<div class="o2g-found">').appendTo(main);
    const list = o2gVirtualList.make({
      label: words('found'),
      height: ROW_HEIGHT,
      render: row,
      onPick: ({ id }) => {
        details.show(id);
      },
      onEnd: more,
    });
    const hint = $('<p class="o2g-hint">');
    left.append(list.element, hint);
    const details = window.o2gRecordingDetails.make(words);
    main.append(details.element);

    function row({ deviceNumber, parties, direction, startedAt, durationMs, alarms, recovered, user }) {
      const line = $('<div class="o2g-row">');
      const first = $('<div class="o2g-line">')
        .append(
          $('<b>').text(deviceNumber),
          $('<span class="o2g-who">').text(whoOf(parties, direction)),
          $('<span class="o2g-length">').text(clock(durationMs / 1000)),
        )
        .appendTo(line);
      first.attr('title', whoOf(parties, direction));
      const second = $('<div class="o2g-line o2g-told">')
        .append(
          $('<span>').text(new Date(startedAt).toLocaleString()),
          $('<span class="o2g-who">').text(user),
        )
        .appendTo(line);
      for (const alarm of alarms)
        $('<span class="o2g-missing">')
          .append(
            icon('fa-exclamation-triangle'),
            document.createTextNode(words(`alarm.${alarm}`, { defaultValue: alarm })),
          )
          .appendTo(second);
      if (recovered) $('<span>').text(words('recovered')).appendTo(second);
      return line;
    }

    function whoOf(parties, direction) {
      const who = parties
        .map(({ number, name }) => (name === '' ? number : `${name} (${number})`))
        .join(', ');
      return who === '' ? '' : words(`with.${direction || 'unknown'}`, { party: who });
    }

    // --- the runtime ----------------------------------------------------------------------------------------------------------

    let asked = 0;
    let found = [];
    let after;
    let count = 0;
    let asking = false;
    let typing;
    let building;
    let searched;

    function criteria() {
      const query = {};
      for (const [name, { read = (value) => value.trim() }] of Object.entries(FIELDS))
        if (inputs[name].val() !== '') query[name] = read(inputs[name].val());
      if (inputs.alarm.val() !== '') query.alarm = inputs.alarm.val();
      return query;
    }

    function ask(query, done) {
      const mine = ++asked;
      asking = true;
      clearTimeout(building);
      $.getJSON('o2g/recordings', query)
        .done((answer) => {
          if (mine !== asked) return;
          asking = false;
          done(answer);
        })
        .fail(({ status, responseJSON }) => {
          if (mine !== asked) return;
          asking = false;
          summary.text('');
          hint
            .text(
              status === 401 || status === 403
                ? words('forbidden')
                : (responseJSON?.message ?? words('failure.request')),
            )
            .addClass('o2g-missing')
            .show();
        });
    }

    /** From the top, or again as it was scrolled when only the same is asked again. */
    function search(same = false) {
      searched = JSON.stringify(criteria());
      ask(criteria(), (answer) => {
        found = answer.recordings;
        if (!same) list.reset();
        show(answer);
      });
    }

    function more() {
      if (asking || after === undefined) return;
      ask({ ...criteria(), after }, (answer) => {
        found = [...found, ...answer.recordings];
        show(answer);
      });
    }

    function show(answer) {
      ({ after, count } = answer);
      list.show(found, count);
      const incomplete = answer.building !== undefined;
      summary.text(
        [
          words('count', { count }),
          incomplete && words('building', { files: answer.building }),
          ...answer.unreadable.map((folder) => words('unreadable', { folder })),
        ]
          .filter(Boolean)
          .join(' · '),
      );
      const nothing =
        answer.folders === 0
          ? 'noRecorder'
          : Object.keys(criteria()).length === 0
            ? 'noRecording'
            : 'noMatch';
      hint
        .removeClass('o2g-missing')
        .text(words(nothing))
        .toggle(count === 0 && !incomplete);
      if (incomplete && dialog[0].open)
        building = setTimeout(() => {
          search(true);
        }, BUILDING_MS);
    }

    /** A field that is left says that it has changed, which was searched for while it was typed. */
    const soon = () => {
      clearTimeout(typing);
      typing = setTimeout(() => {
        if (JSON.stringify(criteria()) !== searched) search();
      }, DEBOUNCE_MS);
    };
    form
      .on('input change', soon)
      .on('reset', soon)
      .on('submit', (event) => {
        event.preventDefault();
        search();
      });
    // The editor's own keys work on the flows behind.
    dialog.on('keydown keyup keypress', (event) => {
      event.stopPropagation();
    });
    dialog.on('close', () => {
      clearTimeout(typing);
      clearTimeout(building);
      asked += 1;
      details.silence();
    });

    return () => {
      if (dialog[0].open) return;
      dialog.appendTo('body');
      dialog[0].showModal();
      inputs.device.trigger('focus');
      // What was chosen before is still open beside the list.
      search(found.length > 0);
    };
  }

  return { make };
})();
