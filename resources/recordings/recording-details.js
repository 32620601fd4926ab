/* One recording of the recordings page: its picture, its sound, and what is known of it in words. */
window.o2gRecordingDetails = (function () {
  'use strict';

  const SIDES = ['sent', 'received'];
  const SPEEDS = [0.5, 0.75, 1, 1.25, 1.5, 2, 3];
  /** From this mean opinion score on it is called so. */
  const QUALITIES = [
    [4, 'good'],
    [3.6, 'fair'],
    [3.1, 'poor'],
    [0, 'bad'],
  ];
  /** Parts of the list of moments that are shown at first. */
  const MOST_MOMENTS = 200;

  const fields = (value) => (typeof value === 'object' && value !== null ? value : {});
  const list = (value) => (Array.isArray(value) ? value.map(fields) : []);
  const number = (value) => (Number.isFinite(value) ? value : 0);
  const text = (value) => (typeof value === 'string' ? value : '');
  const icon = (name) => $('<i aria-hidden="true">').addClass(`fa ${name}`);

  function nameOf({ number: digits, name, login }) {
    const called = text(name) || text(login);
    return called === '' ? text(digits) : `${called} (${text(digits)})`;
  }

  /** What happens at which moment, the earliest first: gaps of both sides together, pauses, changes of calls, alarms, keys. */
  function momentsOf(metadata, words) {
    const begin = Date.parse(metadata.startedAt);
    const seconds = (iso) => (Date.parse(iso) - begin) / 1000;
    const moments = [];
    const gaps = new Map();
    for (const gap of list(metadata.gaps)) {
      const key = [gap.kind, gap.atMs, gap.durationMs].join();
      gaps.set(key, { ...gap, sides: [...(gaps.get(key)?.sides ?? []), gap.channel] });
    }
    for (const { kind, atMs, durationMs, sides, by, reason } of gaps.values()) {
      const values = {
        what: words(`gap.${kind}`, { defaultValue: text(kind) }),
        seconds: (number(durationMs) / 1000).toLocaleString(),
        side: sides.length > 1 ? words('side.both') : words(`side.${sides[0]}`),
      };
      const why = [by && words('moment.by', { by }), reason].filter(Boolean).join(': ');
      moments.push({
        at: number(atMs) / 1000,
        kind: kind === 'pause' ? 'pause' : 'gap',
        text: [words('moment.gap', values), why].filter(Boolean).join(', '),
      });
    }
    for (const call of list(metadata.calls)) {
      for (const { change, atMs, parties, cause } of list(call.changes)) {
        const who = list(parties).map(nameOf).join(', ');
        moments.push({
          at: number(atMs) / 1000,
          kind: 'call',
          text: [words(`change.${change}`, { defaultValue: text(change) }), who, text(cause)]
            .filter(Boolean)
            .join(' · '),
        });
      }
    }
    for (const { alarm, since, until } of list(metadata.alarms)) {
      moments.push({
        at: seconds(since),
        to: until === undefined ? number(metadata.durationMs) / 1000 : seconds(until),
        kind: 'alarm',
        text: words('moment.alarm', { alarm: words(`alarm.${alarm}`, { defaultValue: text(alarm) }) }),
      });
    }
    for (const { channel, atMs, event } of list(metadata.events))
      moments.push({
        at: number(atMs) / 1000,
        kind: 'key',
        text: words('moment.key', { key: text(event), side: words(`side.${channel}`) }),
      });
    return moments.filter(({ at }) => Number.isFinite(at)).sort((a, b) => a.at - b.at);
  }

  const ICONS = {
    gap: 'fa-chain-broken',
    pause: 'fa-pause',
    call: 'fa-phone',
    alarm: 'fa-exclamation-triangle',
    key: 'fa-th',
  };

  function make(words) {
    // The editor loads scripts in any order: what they share is there when they are used.
    const { clock } = window.o2gWaveform;
    const element = $('<section class="o2g-details">').attr('aria-label', words('details'));
    let shown;

    // --- the parts, from the top ----------------------------------------------------------------------------------------------

    const empty = $('<p class="o2g-hint">').text(words('choose')).appendTo(element);
    const body = $('<div>').hide().appendTo(element);
    const heading = $('<h3 tabindex="-1">').appendTo(body);
    const facts = $('<div class="o2g-facts">').appendTo(body);
    const badges = $('<div class="o2g-badges">').appendTo(body);
    const verification = $('<span class="o2g-badge" role="status">');
    const waveform = window.o2gWaveform.make({
      words,
      onSeek: (seconds) => {
        player.seek(seconds);
      },
    });
    body.append(waveform.element);
    const controls = $('<div class="o2g-controls">').appendTo(body);
    const failure = $('<p class="o2g-failure" role="alert">').appendTo(body);
    const parts = $('<div>').appendTo(body);

    const ticketFor = (purpose) => (id) =>
      new Promise((resolve, reject) => {
        $.ajax({ url: `o2g/recordings/${id}/tickets?for=${purpose}`, method: 'POST' })
          .done(({ ticket }) => {
            resolve(ticket);
          })
          .fail(({ responseJSON }) => {
            reject(sentenceOf(responseJSON));
          });
      });
    const player = window.o2gPlayer.make({
      ticketFor: ticketFor('playback'),
      onChange: drawPlayer,
      onFailure: (sentence) => {
        failure.text(sentence ?? words('failure.playback'));
      },
    });

    function sentenceOf({ code, message } = {}) {
      return words(`failure.${code}`, { defaultValue: message ?? words('failure.request') });
    }

    function button(name, label, run) {
      return $('<button type="button" class="red-ui-button">')
        .append(icon(name), $('<span>').text(label))
        .on('click', run)
        .appendTo(controls);
    }

    const play = button('fa-play', words('player.play'), () => {
      failure.text('');
      player.toggle();
    });
    const time = $('<span class="o2g-time">').appendTo(controls);
    const speed = $('<select>').appendTo($('<label>').text(words('player.speed')).appendTo(controls));
    for (const factor of SPEEDS)
      $('<option>').val(factor).text(`${factor.toLocaleString()}×`).appendTo(speed);
    speed.val(1).on('change', () => {
      player.speed(Number(speed.val()));
    });
    const sides = SIDES.map((side, index) =>
      button('fa-volume-up', words(`side.${side}`), () => {
        player.hear(index, !player.heard[index]);
      }).attr('title', words(`player.${side}`)),
    );
    button('fa-download', words('download.wav'), () => {
      download('download');
    });
    button('fa-file-text-o', words('download.json'), () => {
      download('metadata');
    });

    function download(purpose) {
      failure.text('');
      ticketFor(purpose)(shown).then(
        (ticket) => {
          const link = $('<a download>').attr('href', `o2g/tickets/${ticket}`).appendTo(element);
          link[0].click();
          link.remove();
        },
        (sentence) => {
          failure.text(sentence);
        },
      );
    }

    let duration = 0;

    function drawPlayer() {
      const { playing, position, heard } = player;
      play.find('.fa').attr('class', `fa ${playing ? 'fa-pause' : 'fa-play'}`);
      play.find('span').text(words(playing ? 'player.pause' : 'player.play'));
      time.text(`${clock(position)} / ${clock(duration)}`);
      sides.forEach((side, index) => {
        side
          .attr('aria-pressed', String(heard[index]))
          .find('.fa')
          .attr('class', `fa ${heard[index] ? 'fa-volume-up' : 'fa-volume-off'}`);
      });
      waveform.move(position);
    }

    // --- what is known --------------------------------------------------------------------------------------------------------

    function badge(look, name, kind = '') {
      return $('<span class="o2g-badge">')
        .addClass(kind)
        .append(icon(look), $('<span>').text(name))
        .appendTo(badges);
    }

    function drawHead(metadata) {
      const parties = list(metadata.calls).flatMap(({ parties: all }) => list(all).map(nameOf));
      const with_ = [...new Set(parties)].join(', ') || text(fields(metadata.context).party);
      const direction =
        ['incoming', 'outgoing'].find((each) => each === fields(metadata.context).direction) ?? 'unknown';
      heading.text(
        with_ === ''
          ? text(metadata.deviceNumber)
          : words(`title.${direction}`, { device: metadata.deviceNumber, party: with_ }),
      );
      const { user, callRef } = fields(metadata.context);
      facts.empty();
      for (const [name, value] of [
        ['started', new Date(metadata.startedAt).toLocaleString()],
        ['ended', new Date(metadata.endedAt).toLocaleString()],
        ['duration', clock(number(metadata.durationMs) / 1000)],
        ['user', text(user)],
        ['callRef', text(callRef)],
        ['endedBy', words(`endedBy.${metadata.endedBy}`, { defaultValue: text(metadata.endedBy) })],
      ])
        if (value !== '')
          facts.append(
            $('<span>').append(
              $('<span class="o2g-name">').text(words(`fact.${name}`)),
              document.createTextNode(` ${value}`),
            ),
          );
      badges.empty().append(verification);
      for (const alarm of new Set(list(metadata.alarms).map((each) => text(each.alarm))))
        badge('fa-exclamation-triangle', words(`alarm.${alarm}`, { defaultValue: alarm }), 'o2g-bad');
      if (metadata.recovered === true) badge('fa-medkit', words('recovered'));
      if (metadata.needsDecode === true) badge('fa-lock', words('needsDecode'), 'o2g-bad');
    }

    function drawVerification({ state, files, chain, held } = {}) {
      const good = state === 'verified' && chain === 'whole';
      const sentence =
        state === undefined
          ? words('verification.running')
          : words(`verification.${state === 'verified' && !good ? 'broken' : state}`, {
              files: (files ?? []).join(', '),
            });
      if (held) badge('fa-archive', words('held'));
      verification
        .toggleClass('o2g-good', good)
        .toggleClass('o2g-bad', state !== undefined && !good)
        .empty()
        .append(
          icon(good ? 'fa-check' : state === undefined ? 'fa-hourglass-half' : 'fa-exclamation-triangle'),
          $('<span>').text(sentence),
        );
    }

    function section(name, open) {
      const details = $('<details class="o2g-part">')
        .prop('open', open)
        .append($('<summary>').text(words(name)))
        .appendTo(parts);
      return $('<div>').appendTo(details);
    }

    function drawMoments(moments) {
      const part = section('moments', true);
      if (moments.length === 0) $('<p>').text(words('moment.none')).appendTo(part);
      const rows = $('<ul>').appendTo(part);
      const add = (some) => {
        for (const { at, kind, text: what } of some) {
          const seconds = Math.max(0, at);
          $('<button type="button" class="o2g-moment">')
            .append(
              $('<span class="o2g-at">').text(at < 0 ? words('moment.before') : clock(seconds)),
              icon(ICONS[kind]),
              $('<span>').text(what),
            )
            .on('click', () => {
              player.seek(seconds);
            })
            .appendTo($('<li>').appendTo(rows));
        }
      };
      add(moments.slice(0, MOST_MOMENTS));
      if (moments.length <= MOST_MOMENTS) return;
      const more = $('<button type="button" class="red-ui-button">')
        .text(words('moment.more', { count: moments.length - MOST_MOMENTS }))
        .on('click', () => {
          more.remove();
          add(moments.slice(MOST_MOMENTS));
        })
        .appendTo(part);
    }

    function drawStatistics({ channels }) {
      const table = $('<table>').appendTo(section('statistics', true));
      const heads = $('<tr>')
        .append(
          $('<td>'),
          SIDES.map((side) => $('<th scope="col">').text(words(`side.${side}`))),
        )
        .appendTo($('<thead>').appendTo(table));
      const rows = $('<tbody>').insertAfter(heads.parent());
      const of = SIDES.map((side) => fields(fields(channels)[side]));
      const row = (name, valueOf) => {
        $('<tr>')
          .append(
            $('<th scope="row">').text(words(`statistic.${name}`)),
            of.map((channel) => $('<td>').text(valueOf(channel) ?? '–')),
          )
          .appendTo(rows);
      };
      const told = (value, unit = '') =>
        Number.isFinite(value) ? `${value.toLocaleString()}${unit}` : undefined;
      const quality = ({ mos }) =>
        Number.isFinite(mos)
          ? words(`quality.${QUALITIES.find(([least]) => mos >= least)[1]}`, { mos: mos.toLocaleString() })
          : undefined;
      const lost = ({ lost: packets, packets: all }) =>
        Number.isFinite(packets) && all + packets > 0
          ? `${packets.toLocaleString()} (${((100 * packets) / (all + packets)).toLocaleString(undefined, { maximumFractionDigits: 2 })} %)`
          : undefined;
      row('quality', quality);
      row('packets', ({ packets }) => told(packets));
      row('lost', lost);
      row('late', ({ late }) => told(late));
      row('jitter', ({ jitterMs }) => told(jitterMs, ' ms'));
      row('longestGap', ({ longestGapMs }) => told(longestGapMs, ' ms'));
      row('level', ({ levelDb }) => told(levelDb, ' dB'));
      row('codec', ({ codec }) => text(codec) || undefined);
    }

    function drawFiles({ name, metadata }) {
      const part = $('<ul>').appendTo(section('files', false));
      for (const file of [`${name}.wav`, `${name}.json`]) $('<li>').text(file).appendTo(part);
      for (const { path, packets } of list(metadata.raw))
        $('<li>')
          .text(words('rawFile', { path: text(path), packets: number(packets) }))
          .appendTo(part);
      $('<li>')
        .text(`SHA-256 ${text(metadata.sha256)}`)
        .appendTo(part);
    }

    function draw(answer) {
      const { metadata } = answer;
      const moments = momentsOf(metadata, words);
      duration = number(metadata.durationMs) / 1000;
      drawHead(metadata);
      parts.empty();
      drawMoments(moments);
      drawStatistics(metadata);
      drawFiles(answer);
      waveform.show({
        duration,
        position: 0,
        sent: [],
        received: [],
        gaps: list(metadata.gaps),
        marks: moments
          .filter(({ kind, at }) => kind === 'call' && at >= 0 && at < duration)
          .map(({ at }) => at),
        alarms: moments
          .filter(({ kind }) => kind === 'alarm')
          .map(({ at, to }) => ({ from: Math.max(0, at), to })),
      });
      drawPlayer();
    }

    // --- the runtime ----------------------------------------------------------------------------------------------------------

    /** Answers that come when another recording is shown by then are dropped. */
    function ask(id, part, done) {
      $.getJSON(`o2g/recordings/${id}${part}`)
        .done((answer) => {
          if (id === shown) done(answer);
        })
        .fail(({ responseJSON }) => {
          if (id === shown) failure.text(sentenceOf(responseJSON));
        });
    }

    return {
      element,
      show(id) {
        shown = id;
        empty.hide();
        body.show();
        failure.text('');
        player.show(id);
        drawVerification();
        ask(id, '', (answer) => {
          draw(answer);
          heading.trigger('focus');
          ask(id, '/waveform', ({ sent, received, durationMs }) => {
            duration = durationMs / 1000;
            waveform.show({ duration, sent, received });
            drawPlayer();
          });
          ask(id, '/verification', drawVerification);
        });
      },
      /** Nobody looks any more: nothing sounds either. */
      silence() {
        player.show(shown);
      },
    };
  }

  return { make };
})();
