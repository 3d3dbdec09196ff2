/* Colours, hatches and swatches: colour speaks of the effect on the verdict, the hatch says it without colour. */
(function (planner) {
  'use strict';
  const { svg } = planner;

  const PAINT = {
    pass: { fill: '#7DB9DE', line: '#00476E' },
    condition: { fill: 'url(#h-condition)', line: '#7A4E00' },
    fails: { fill: 'url(#h-fails)', line: '#5E1F00' },
    nodata: { fill: 'url(#h-nodata)', line: '#4A5157', dash: '6 3.5' },
    waived: { fill: 'url(#h-grey)', line: '#38424A' },
    notrequired: { fill: 'url(#h-grey)', line: '#38424A' },
    note: { fill: '#FFFFFF', line: '#1B242B' },
    evidence: { fill: 'url(#h-evidence)', line: '#7A1F5C' },
  };

  /* Outcomes of one weight share their colour; a texture of its own tells each from the others. */
  const GROUND = { fails: ['#C76535', '#FFFFFF', 0.9], condition: ['#F5CD68', '#7A4E00', 0.85], note: ['#FFFFFF', '#1B242B', 0.7] };
  const TEXTURE = {
    partly_covered: { size: 14, turn: 45, draw: (ink) => [svg('rect', { width: 7, height: 14, fill: ink })] },
    not_covered: { size: 9, turn: 45, draw: (ink) => [svg('path', { d: 'M0 0V9M0 0H9', stroke: ink, 'stroke-width': 3.4 })] },
    expired: { size: 8, turn: 0, draw: (ink) => [svg('path', { d: 'M0 4H8', stroke: ink, 'stroke-width': 2.2 })] },
    pending: { size: 9, turn: 0, draw: (ink) => [svg('circle', { cx: 4.5, cy: 4.5, r: 2.2, fill: ink })] },
  };
  const defs = document.querySelector('svg.defs defs');
  for (const [name, { size, turn, draw }] of Object.entries(TEXTURE)) {
    for (const [sign, [ground, ink, strength]] of Object.entries(GROUND)) {
      const marks = svg('g', { opacity: strength }, ...draw(ink));
      defs.append(svg('pattern', { id: 'h-' + sign + '-' + name, patternUnits: 'userSpaceOnUse', width: size, height: size, patternTransform: `rotate(${turn})` },
        svg('rect', { width: size, height: size, fill: ground }), marks));
    }
  }

  /** Fill, line and dash of an outcome. */
  planner.paintOf = (entry) => {
    const plain = PAINT[entry.sign];
    return entry.texture && GROUND[entry.sign] ? { ...plain, fill: `url(#h-${entry.sign}-${entry.texture})` } : plain;
  };

  planner.swatch = (entry) => {
    const paint = planner.paintOf(entry);
    const box = svg('rect', { x: 1, y: 1, width: 24, height: 15, fill: paint.fill, stroke: paint.line, 'stroke-width': 1.5 });
    if (paint.dash) box.setAttribute('stroke-dasharray', '4 2.5');
    return svg('svg', { width: 26, height: 17, viewBox: '0 0 26 17', 'aria-hidden': 'true' }, box);
  };
}(window.planner = window.planner || {}));
