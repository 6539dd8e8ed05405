//! A document as a drawing: nested boxes in layers, transitions as curves, SVG text.

use std::collections::HashMap;
use std::fmt::Write as _;

use crate::model::{Document, Kind, ROOT};
use crate::xml::escape;

const GAP: f64 = 48.0;
const PADDING: f64 = 20.0;
const TITLE: f64 = 30.0;
const LINE: f64 = 15.0;
const LETTER: f64 = 7.2;

/// Characters of a label; longer ones are cut.
const LABEL_MAX: usize = 40;

#[derive(Clone, Copy, Debug, Default)]
struct Rect {
    x: f64,
    y: f64,
    width: f64,
    height: f64,
}

impl Document {
    /// Draws the chart as SVG.
    pub fn to_svg(&self) -> String {
        let mut drawing = Drawing {
            doc: self,
            rects: HashMap::new(),
        };
        let size = drawing.measure(ROOT);
        drawing.place(ROOT, 0.0, 0.0);
        let (width, height) = (size.width + 2.0 * GAP, size.height);
        let mut out = String::new();
        // Writing to a String cannot fail.
        let _written = write!(
            out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
             viewBox=\"{:.0} 0 {width:.0} {height:.0}\" font-family=\"sans-serif\" font-size=\"12\">\n\
             <defs><marker id=\"arrow\" viewBox=\"0 0 10 10\" refX=\"9\" refY=\"5\" markerWidth=\"7\" \
             markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0 L10 5 L0 10 z\" fill=\"#345\"/></marker></defs>\n\
             <rect class=\"paper\" x=\"{:.0}\" width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n",
            -GAP, -GAP
        );
        drawing.states(&mut out);
        drawing.edges(&mut out);
        out.push_str("</svg>\n");
        out
    }
}

struct Drawing<'a> {
    doc: &'a Document,
    rects: HashMap<u32, Rect>,
}

impl Drawing<'_> {
    /// Sizes a state and places its children relative to it.
    fn measure(&mut self, index: u32) -> Rect {
        let doc = self.doc;
        let state = doc.state(index);
        let title = text_width(&state.id).max(60.0) + 2.0 * PADDING;
        let inner: Vec<u32> = state
            .histories
            .iter()
            .chain(&state.children)
            .copied()
            .collect();
        let mut size = Rect {
            width: title,
            height: TITLE + 10.0,
            ..Rect::default()
        };
        if state.is_history() {
            size = Rect {
                width: 34.0,
                height: 34.0,
                ..Rect::default()
            };
        }
        if !inner.is_empty() {
            let rows = if state.kind == Kind::Parallel {
                vec![inner]
            } else {
                self.layers(index, &inner)
            };
            let mut y = TITLE + PADDING;
            let mut width: f64 = title;
            let mut places = Vec::new();
            for row in rows {
                let mut x = PADDING;
                let mut tallest: f64 = 0.0;
                for child in row {
                    let child_size = self.measure(child);
                    places.push((child, Rect { x, y, ..child_size }));
                    x += child_size.width + GAP;
                    tallest = tallest.max(child_size.height);
                }
                width = width.max(x - GAP + PADDING);
                y += tallest + GAP;
            }
            self.rects.extend(places);
            size = Rect {
                width: width + self.label_room(index),
                height: y - GAP + PADDING,
                ..size
            };
        }
        self.rects.insert(index, size);
        size
    }

    /// Room for the labels of transitions inside a state.
    fn label_room(&self, index: u32) -> f64 {
        let inner = self.doc.state(index).children.iter();
        let texts = inner.flat_map(|child| &self.doc.state(*child).transitions);
        let widths = texts.map(|number| text_width(&cut(&self.doc.transition(*number).text)));
        widths.fold(0.0, f64::max) * 0.6
    }

    /// Rows by the number of transitions that lead from the initial state.
    fn layers(&self, index: u32, inner: &[u32]) -> Vec<Vec<u32>> {
        let doc = self.doc;
        let within = |target: u32| {
            inner
                .iter()
                .copied()
                .find(|child| *child == target || doc.is_within(target, *child))
        };
        let initial = doc
            .state(index)
            .initial
            .map(|initial| &doc.transition(initial).targets);
        let mut front: Vec<u32> = initial
            .into_iter()
            .flatten()
            .filter_map(|target| within(*target))
            .collect();
        let mut rows: Vec<Vec<u32>> = Vec::new();
        let mut left: Vec<u32> = inner.to_vec();
        while !left.is_empty() {
            front.retain(|child| left.contains(child));
            front.dedup();
            if front.is_empty() {
                front.extend(left.first());
            }
            left.retain(|child| !front.contains(child));
            let mut next = Vec::new();
            for child in &front {
                let last = doc.state(*child).last;
                let leaving = doc
                    .transitions
                    .iter()
                    .filter(|t| t.source >= *child && t.source <= last);
                for target in leaving
                    .flat_map(|t| &t.targets)
                    .filter_map(|target| within(*target))
                {
                    if !next.contains(&target) {
                        next.push(target);
                    }
                }
            }
            rows.push(std::mem::replace(&mut front, next));
        }
        rows
    }

    /// Turns relative places into absolute ones.
    fn place(&mut self, index: u32, x: f64, y: f64) {
        let Some(rect) = self.rects.get_mut(&index) else {
            return;
        };
        rect.x += x;
        rect.y += y;
        let (x, y) = (rect.x, rect.y);
        let state = self.doc.state(index);
        for child in state.histories.iter().chain(&state.children) {
            self.place(*child, x, y);
        }
    }

    fn states(&self, out: &mut String) {
        for (index, state) in (0..).zip(&self.doc.states) {
            let Some(rect) = self.rects.get(&index) else {
                continue;
            };
            let (style, radius) = match state.kind {
                Kind::Root => ("fill=\"#f7f9fb\" stroke=\"#9ab\"", 4.0),
                Kind::Parallel => (
                    "fill=\"#fff\" stroke=\"#345\" stroke-dasharray=\"6 3\"",
                    8.0,
                ),
                Kind::Final => ("fill=\"#eef\" stroke=\"#345\" stroke-width=\"3\"", 8.0),
                Kind::ShallowHistory | Kind::DeepHistory => ("fill=\"#fff\" stroke=\"#345\"", 17.0),
                Kind::Compound | Kind::Atomic => ("fill=\"#fff\" stroke=\"#345\"", 8.0),
            };
            let title = match state.kind {
                Kind::Root => self.doc.name(),
                Kind::ShallowHistory => "H",
                Kind::DeepHistory => "H*",
                _ => &state.id,
            };
            let class = match state.kind {
                Kind::Root => "root",
                Kind::Parallel => "parallel",
                Kind::Compound => "compound",
                Kind::Atomic => "atomic",
                Kind::Final => "final",
                Kind::ShallowHistory | Kind::DeepHistory => "history",
            };
            let (mut label, mut id) = (String::new(), String::new());
            escape(&mut label, title, false);
            escape(&mut id, &state.id, true);
            let _written = writeln!(
                out,
                "<g class=\"state {class}\" data-state=\"{id}\"><rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"{radius}\" {style}/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{label}</text></g>",
                rect.x,
                rect.y,
                rect.width,
                rect.height,
                rect.x + rect.width / 2.0,
                rect.y + 20.0
            );
        }
    }

    fn edges(&self, out: &mut String) {
        let mut drawn: HashMap<(u32, u32), u32> = HashMap::new();
        for transition in &self.doc.transitions {
            for target in &transition.targets {
                let number = drawn.entry((transition.source, *target)).or_insert(0);
                *number += 1;
                let (from, to) = (self.rects.get(&transition.source), self.rects.get(target));
                // What is entered by default is seen from the layers.
                let initial = self.doc.state(transition.source).initial;
                let is_initial = initial
                    .is_some_and(|initial| std::ptr::eq(self.doc.transition(initial), transition));
                if let (Some(from), Some(to), false) = (from, to, is_initial) {
                    edge(out, *from, *to, &transition.text, f64::from(*number - 1));
                }
            }
        }
    }
}

fn edge(out: &mut String, from: Rect, to: Rect, text: &str, number: f64) {
    let shift = number * 14.0;
    let inside = |outer: Rect, inner: Rect| {
        inner.x >= outer.x
            && inner.y >= outer.y
            && inner.x + inner.width <= outer.x + outer.width
            && inner.y + inner.height <= outer.y + outer.height
    };
    let (x1, y1, x2, y2) = if inside(from, to) || inside(to, from) {
        (from.x, from.y + TITLE + shift, to.x, to.y + to.height / 2.0)
    } else if to.y >= from.y + from.height {
        (
            from.x + from.width / 2.0 + shift,
            from.y + from.height,
            to.x + to.width / 2.0 + shift,
            to.y,
        )
    } else if to.y + to.height <= from.y {
        (
            from.x + from.width,
            from.y + 12.0 + shift,
            to.x + to.width,
            to.y + to.height / 2.0 + shift,
        )
    } else if to.x > from.x {
        (
            from.x + from.width,
            from.y + 15.0 + shift,
            to.x,
            to.y + 15.0 + shift,
        )
    } else {
        (
            from.x,
            from.y + 25.0 + shift,
            to.x + to.width,
            to.y + 25.0 + shift,
        )
    };
    let down = to.y >= from.y + from.height;
    let bend = GAP * 0.7;
    let (c1, c2) = match (down, to.y + to.height <= from.y) {
        (true, _) => ((x1, y1 + bend), (x2, y2 - bend)),
        (_, true) => ((x1 + bend, y1), (x2 + bend, y2)),
        _ if x2 >= x1 && !inside(from, to) => ((x1 + bend / 2.0, y1), (x2 - bend / 2.0, y2)),
        _ => ((x1 - bend, y1), (x2 - bend / 2.0, y2)),
    };
    let mut label = String::new();
    escape(&mut label, &cut(text), false);
    let _written = writeln!(
        out,
        "<g class=\"edge\"><path d=\"M{x1:.1} {y1:.1} C{:.1} {:.1} {:.1} {:.1} {x2:.1} {y2:.1}\" fill=\"none\" stroke=\"#345\" \
         marker-end=\"url(#arrow)\"/><text x=\"{:.1}\" y=\"{:.1}\" font-size=\"11\" fill=\"#246\" stroke=\"#fff\" \
         stroke-width=\"3\" paint-order=\"stroke\">{label}</text></g>",
        c1.0,
        c1.1,
        c2.0,
        c2.1,
        (x1 + 3.0 * c1.0 + 3.0 * c2.0 + x2) / 8.0 + 4.0,
        (y1 + 3.0 * c1.1 + 3.0 * c2.1 + y2) / 8.0 + shift * LINE / 14.0
    );
}

fn cut(text: &str) -> String {
    match text.chars().count() {
        0..=LABEL_MAX => text.to_owned(),
        _ => text.chars().take(LABEL_MAX).chain(['…']).collect(),
    }
}

fn text_width(text: &str) -> f64 {
    let letters = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
    f64::from(letters) * LETTER
}

#[cfg(test)]
mod tests {
    use crate::Loader;

    #[test]
    fn the_drawing_is_xml_with_a_box_per_state() {
        let text = "<scxml xmlns='http://www.w3.org/2005/07/scxml' name='&lt;x&gt;'><state id='a'>\
            <transition event='go &amp; on' target='b'/></state><parallel id='b'><state id='c'/>\
            <state id='d'><history id='h'><transition target='e'/></history><state id='e'/></state></parallel></scxml>";
        let svg = Loader::new("x", text, None).finish().unwrap().to_svg();
        let parsed = roxmltree::Document::parse(&svg).unwrap();
        let boxes = parsed
            .descendants()
            .filter(|node| node.has_tag_name("rect"))
            .count();
        assert_eq!(boxes, 8);
        let ids: Vec<&str> = parsed
            .descendants()
            .filter_map(|node| node.attribute("data-state"))
            .collect();
        assert!(ids.contains(&"a") && ids.contains(&"e"), "{ids:?}");
    }
}
