/* The picture of a recording: both sides one above the other, what is missing in them, what the calls did, and where one is. */
window.o2gWaveform = (function () {
  'use strict';

  const LANE = 56;
  const BETWEEN = 6;
  const AXIS = 18;
  const HEIGHT = 2 * LANE + BETWEEN + AXIS;
  /** Quiet speech is seen too: magnitudes are drawn by this power of them. */
  const GAMMA = 0.6;
  /** Seconds between two marks of the axis: the first that leaves them so many pixels. */
  const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600];
  const STEP_PIXELS = 70;
  /** Seconds that a key goes on by. */
  const KEYS = {
    ArrowLeft: -5,
    ArrowRight: 5,
    ArrowDown: -5,
    ArrowUp: 5,
    PageDown: -30,
    PageUp: 30,
    Home: -Infinity,
    End: Infinity,
  };
  const SIDES = ['sent', 'received'];
  /** The theme's colour of what is missing; everything else is its grey. */
  const COLOURS = {
    loss: 'red',
    late: 'red',
    disk: 'red',
    encrypted: 'yellow',
    codec: 'yellow',
    noise: 'blue',
  };

  /** Seconds as minutes, with hours when there are any. */
  function clock(seconds) {
    const whole = Math.max(0, Math.floor(seconds));
    const two = (number) => String(number).padStart(2, '0');
    const minutes = Math.floor(whole / 60) % 60;
    const hours = Math.floor(whole / 3600);
    return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
  }

  /**
   * @param words the catalog. @param onSeek called with seconds
   * @returns its element, and what draws it
   */
  function make({ words, onSeek }) {
    const canvas = $('<canvas>').attr('height', HEIGHT);
    const slider = $('<div class="o2g-waveform" role="slider" tabindex="0">')
      .attr({ 'aria-label': words('player.position'), 'aria-valuemin': 0 })
      .css('height', HEIGHT)
      .append(canvas);
    let picture = { duration: 0, position: 0, gaps: [], marks: [], alarms: [] };

    const colour = (name) => getComputedStyle(slider[0]).getPropertyValue(`--red-ui-${name}`).trim();
    const status = (name) => colour(`node-status-colors-${name}`);

    function draw() {
      const width = slider.width();
      if (width <= 0) return;
      const scale = window.devicePixelRatio || 1;
      canvas.attr({ width: width * scale, height: HEIGHT * scale }).css({ width, height: HEIGHT });
      const context = canvas[0].getContext('2d');
      context.scale(scale, scale);
      const x = (seconds) => (picture.duration === 0 ? 0 : (width * seconds) / picture.duration);
      SIDES.forEach((side, lane) => {
        drawLane(context, side, lane * (LANE + BETWEEN), width, x);
      });
      drawMarks(context, x);
      drawAxis(context, width, x);
      context.fillStyle = colour('text-color-error');
      context.fillRect(Math.min(width - 2, x(picture.position)), 0, 2, HEIGHT - AXIS);
    }

    function drawLane(context, side, top, width, x) {
      context.fillStyle = colour('tertiary-background');
      context.fillRect(0, top, width, LANE);
      for (const gap of picture.gaps.filter(({ channel }) => channel === side)) drawGap(context, gap, top, x);
      const peaks = picture[side] ?? [];
      context.fillStyle = status(side === 'sent' ? 'blue' : 'green');
      for (let column = 0; column < width && peaks.length > 0; column += 1) {
        const from = Math.floor((column * peaks.length) / width);
        const peak = Math.max(
          ...peaks.slice(from, Math.max(from + 1, Math.floor(((column + 1) * peaks.length) / width))),
        );
        const height = Math.max(1, (LANE - 4) * (peak / 255) ** GAMMA);
        context.fillRect(column, top + (LANE - height) / 2, 1, height);
      }
      context.fillStyle = colour('primary-text-color');
      context.font = '11px sans-serif';
      context.fillText(words(`side.${side}`), 4, top + 12);
    }

    /** What is missing is a field of its colour; a pause, which somebody wanted, is hatched. */
    function drawGap(context, { kind, atMs, durationMs }, top, x) {
      const left = x(atMs / 1000);
      const wide = Math.max(1, x(durationMs / 1000));
      context.save();
      context.globalAlpha = 0.35;
      context.fillStyle = status(COLOURS[kind] ?? 'grey');
      context.fillRect(left, top, wide, LANE);
      if (kind === 'pause') {
        context.globalAlpha = 0.8;
        context.strokeStyle = colour('primary-text-color');
        context.beginPath();
        context.rect(left, top, wide, LANE);
        context.clip();
        for (let at = left - LANE; at < left + wide; at += 8) {
          context.moveTo(at, top + LANE);
          context.lineTo(at + LANE, top);
        }
        context.stroke();
      }
      context.restore();
    }

    function drawMarks(context, x) {
      context.fillStyle = colour('text-color-error');
      for (const { from, to } of picture.alarms)
        context.fillRect(x(from), LANE + 1, Math.max(2, x(to - from)), BETWEEN - 2);
      context.strokeStyle = colour('primary-text-color');
      context.fillStyle = colour('primary-text-color');
      context.setLineDash([3, 3]);
      for (const seconds of picture.marks) {
        const at = Math.round(x(seconds)) + 0.5;
        context.beginPath();
        context.moveTo(at, 0);
        context.lineTo(at, HEIGHT - AXIS);
        context.stroke();
        context.beginPath();
        context.moveTo(at - 4, HEIGHT - AXIS);
        context.lineTo(at + 4, HEIGHT - AXIS);
        context.lineTo(at, HEIGHT - AXIS - 6);
        context.fill();
      }
      context.setLineDash([]);
    }

    function drawAxis(context, width, x) {
      const step = STEPS.find((seconds) => x(seconds) >= STEP_PIXELS) ?? 3600;
      context.fillStyle = colour('primary-text-color');
      context.font = '11px sans-serif';
      for (let seconds = 0; seconds < picture.duration; seconds += step) {
        const at = x(seconds);
        if (at > width - 30) break;
        context.fillRect(at, HEIGHT - AXIS, 1, 4);
        context.fillText(clock(seconds), at + 3, HEIGHT - 4);
      }
    }

    const go = (seconds) => {
      onSeek(Math.max(0, Math.min(picture.duration, seconds)));
    };
    slider.on('keydown', (event) => {
      if (event.altKey || event.ctrlKey || event.metaKey || !Object.hasOwn(KEYS, event.key)) return;
      event.preventDefault();
      go(picture.position + KEYS[event.key]);
    });
    slider.on('pointerdown', (event) => {
      go((picture.duration * (event.pageX - slider.offset().left)) / slider.width());
    });
    new ResizeObserver(draw).observe(slider[0]);

    return {
      element: slider,
      /**
       * Another recording, or more of what is known of it: `duration` in seconds, `sent` and `received` columns from 0 to 255, `gaps` as in
       * the metadata, `marks` in seconds, `alarms` with `from` and `to` in seconds.
       */
      show(known) {
        picture = { ...picture, ...known };
        this.move(picture.position);
      },
      /** Where one is, in seconds. */
      move(position) {
        picture.position = position;
        slider.attr({
          'aria-valuemax': Math.round(picture.duration),
          'aria-valuenow': Math.round(position),
          'aria-valuetext': words('player.at', {
            position: clock(position),
            duration: clock(picture.duration),
          }),
        });
        draw();
      },
    };
  }

  return { make, clock };
})();
