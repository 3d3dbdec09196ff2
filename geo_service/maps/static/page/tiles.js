/* Vector tiles: read from their bytes, and painted on a canvas with the colours and hatches of the page. */
(function (planner) {
  'use strict';

  const text = new TextDecoder();

  planner.NOT_YET = 'unassessed';
  planner.filter = { status: null, words: '' };

  /** Where a tile of a collection is asked for. */
  planner.tileAddress = (name, { x, y, z }) => `/collections/${name}/tiles/WebMercatorQuad/${z}/${y}/${x}${name === 'verdicts' ? planner.dated() : ''}`;

  /** The fields of a message one after the other: number, then value; the bytes of nested ones are not copied. */
  function fields(bytes, take) {
    let at = 0;
    const number = () => {
      let found = 0;
      let scale = 1;
      for (;;) {
        const byte = bytes[at++];
        found += (byte & 127) * scale;
        if (byte < 128) return found;
        scale *= 128;
      }
    };
    while (at < bytes.length) {
      const key = number();
      const kind = key & 7;
      if (kind === 2) {
        const size = number();
        take(key >> 3, bytes.subarray(at, at + size));
        at += size;
      } else if (kind === 1) {
        take(key >> 3, bytes.subarray(at, at + 8));
        at += 8;
      } else {
        take(key >> 3, number());
      }
    }
  }

  function numbers(bytes) {
    const found = [];
    let value = 0;
    let shift = 0;
    for (const byte of bytes) {
      value += (byte & 127) * 2 ** shift;
      shift += 7;
      if (byte < 128) { found.push(value); value = 0; shift = 0; }
    }
    return found;
  }

  const signed = (value) => (value % 2 ? -(value + 1) / 2 : value / 2);

  function valueOf(bytes) {
    let found = null;
    fields(bytes, (field, value) => {
      if (field === 1) found = text.decode(value);
      else if (field === 3) found = new DataView(value.buffer, value.byteOffset, 8).getFloat64(0, true);
      else if (field === 7) found = value === 1;
      else found = signed(value);
    });
    return found;
  }

  /** Read a tile: its layers by name, each a list of features with properties and a path, the side of a tile being ``size``. */
  planner.readTile = (buffer, size) => {
    const layers = {};
    fields(new Uint8Array(buffer), (field, bytes) => {
      if (field !== 3) return;
      const keys = [];
      const values = [];
      const raw = [];
      let name = '';
      let extent = 4096;
      fields(bytes, (part, value) => {
        if (part === 1) name = text.decode(value);
        else if (part === 2) raw.push(value);
        else if (part === 3) keys.push(text.decode(value));
        else if (part === 4) values.push(valueOf(value));
        else if (part === 5) extent = value;
      });
      const counted = name.endsWith('_counts');
      layers[name] = raw.map((one) => featureOf(one, keys, values, size / extent, counted));
    });
    return layers;
  };

  function featureOf(bytes, keys, values, scale, counted) {
    const feature = { properties: {}, kind: 0, path: null, box: null, counted };
    fields(bytes, (field, value) => {
      if (field === 2) {
        const tags = numbers(value);
        for (let i = 0; i < tags.length; i += 2) feature.properties[keys[tags[i]]] = values[tags[i + 1]];
      } else if (field === 3) {
        feature.kind = value;
      } else if (field === 4) {
        pathOf(feature, value, scale);
      }
    });
    return feature;
  }

  function pathOf(feature, bytes, scale) {
    const commands = numbers(bytes);
    const path = new Path2D();
    const box = [Infinity, Infinity, -Infinity, -Infinity];
    let x = 0;
    let y = 0;
    for (let at = 0; at < commands.length;) {
      const command = commands[at] & 7;
      let times = commands[at++] >> 3;
      if (command === 7) { path.closePath(); continue; }
      for (; times > 0; times--) {
        x += signed(commands[at++]);
        y += signed(commands[at++]);
        const [east, south] = [x * scale, y * scale];
        if (feature.kind === 1) { path.moveTo(east + 3, south); path.arc(east, south, 3, 0, 2 * Math.PI); }
        else if (command === 1) path.moveTo(east, south);
        else path.lineTo(east, south);
        box[0] = Math.min(box[0], east); box[1] = Math.min(box[1], south);
        box[2] = Math.max(box[2], east); box[3] = Math.max(box[3], south);
      }
    }
    feature.path = path;
    feature.box = box;
  }

  // ---- Hatches ----------------------------------------------------------------------------------------------------

  const STEP = 16;

  /* Each repeats within a tile's side, so that it goes on across tiles. */
  const HATCH = {
    condition: ['#F5CD68', (pen) => strokes(pen, '#7A4E00', 2.6, [[-4, 4, 4, -4], [0, 16, 16, 0], [12, 20, 20, 12], [-4, 12, 12, -4], [4, 20, 20, 4]])],
    fails: ['#C76535', (pen) => strokes(pen, '#FFFFFF', 2.2, [[0, 16, 16, 0], [0, 0, 16, 16], [-4, 4, 4, -4], [12, 20, 20, 12], [-4, 12, 4, 20], [12, -4, 20, 4]])],
    nodata: ['#ECECEA', (pen) => dots(pen, '#4A5157')],
    pass: ['#7DB9DE', null],
    unassessed: ['#FFFFFF', null],
  };
  const LINE = { pass: '#00476E', condition: '#7A4E00', fails: '#5E1F00', nodata: '#4A5157', unassessed: '#7B8790' };

  function strokes(pen, colour, width, lines) {
    pen.strokeStyle = colour;
    pen.globalAlpha = 0.8;
    pen.lineWidth = width;
    for (const [x0, y0, x1, y1] of lines) { pen.beginPath(); pen.moveTo(x0, y0); pen.lineTo(x1, y1); pen.stroke(); }
  }

  function dots(pen, colour) {
    pen.fillStyle = colour;
    for (const [x, y] of [[2, 2], [10, 2], [6, 6], [14, 6], [2, 10], [10, 10], [6, 14], [14, 14]]) { pen.beginPath(); pen.arc(x, y, 1.1, 0, 2 * Math.PI); pen.fill(); }
  }

  /** A square of the hatch of a sign, as a canvas. */
  planner.hatch = (sign, scale) => {
    const [ground, draw] = HATCH[sign];
    const side = document.createElement('canvas');
    side.width = STEP * scale;
    side.height = STEP * scale;
    const pen = side.getContext('2d');
    pen.scale(scale, scale);
    pen.fillStyle = ground;
    pen.fillRect(0, 0, STEP, STEP);
    if (draw) draw(pen);
    return side;
  };

  planner.groundOf = (sign) => HATCH[sign][0];
  planner.lineOf = (sign) => LINE[sign];
}(window.planner = window.planner || {}));
