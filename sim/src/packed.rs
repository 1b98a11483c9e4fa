//! Vectors packed as the pins of a stream carry them: every beat starts a new 64-bit word, low lanes in the low bits.

use crate::{Error, Result};
use sterna_ir::design::{Design, Stream};
use sterna_ir::netlist::{Netlist, NodeId, Op};
use sterna_ir::{Range, bench::Stall};

/// A value's place in a packed beat.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    pub node: NodeId,
    pub range: Range,
    /// First bit.
    pub at: usize,
}

impl Field {
    pub fn width(&self) -> usize {
        self.range.width() as usize
    }

    /// The value's bits in `words`, low bits first.
    pub fn get(&self, words: &[u64]) -> i64 {
        let (word, shift) = (self.at / 64, self.at % 64);
        let high = if shift + self.width() > 64 { words[word + 1] << (64 - shift) } else { 0 };
        self.range.wrap((words[word] >> shift | high) as i64)
    }

    /// Sets them in words that are zero there.
    pub fn put(&self, words: &mut [u64], value: i64) {
        let (word, shift) = (self.at / 64, self.at % 64);
        let bits = value as u64 & ((1 << self.width()) - 1);
        words[word] |= bits << shift;
        if shift + self.width() > 64 {
            words[word + 1] |= bits >> (64 - shift);
        }
    }
}

/// Packs `nodes` side by side; their places and the number of words.
pub(crate) fn fields(netlist: &Netlist, nodes: &[NodeId]) -> (Vec<Field>, usize) {
    let mut at = 0;
    let field = |node: &NodeId| {
        let field = Field { node: *node, range: netlist.node(*node).range, at };
        at += field.width();
        field
    };
    (nodes.iter().map(field).collect(), at.div_ceil(64))
}

/// How a stream's beats are packed.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    /// One per lane.
    pub fields: Vec<Field>,
    /// Element at each position of the vector.
    pub order: Vec<u32>,
    /// Words of a beat.
    pub words: usize,
    /// Beats of a vector.
    pub beats: usize,
}

impl Layout {
    pub fn new(netlist: &Netlist, stream: &Stream) -> Self {
        let (fields, words) = fields(netlist, &stream.data);
        Layout { fields, order: stream.order.clone(), words, beats: stream.beats() }
    }

    /// Length of a vector.
    pub fn elements(&self) -> usize {
        self.order.iter().max().map_or(0, |m| *m as usize + 1)
    }

    /// The fields of beat `beat` that carry something, with the element of each.
    pub fn beat(&self, beat: usize) -> impl Iterator<Item = (&Field, usize)> {
        let from = beat * self.fields.len();
        self.fields.iter().zip(&self.order[from..]).map(|(field, element)| (field, *element as usize))
    }

    fn pack(&self, vector: &[i64], words: &mut [u64]) {
        for (beat, words) in words.chunks_exact_mut(self.words).enumerate() {
            self.beat(beat).for_each(|(field, element)| field.put(words, vector[element]));
        }
    }

    /// The vector of packed beats; elements that the stream does not carry are 0.
    pub fn unpack(&self, words: &[u64]) -> Vec<i64> {
        let mut vector = vec![0; self.elements()];
        for (beat, words) in words.chunks_exact(self.words).enumerate() {
            self.beat(beat).for_each(|(field, element)| vector[element] = field.get(words));
        }
        vector
    }
}

/// Where samples come from: any sample at any time, so that nobody has to hold all of them.
pub trait Source: Sync {
    /// Number of samples.
    fn count(&self) -> usize;

    /// Packs beat `beat` of sample `sample` into `words`: the values of the input stream's lanes side by side, the first in
    /// the low bits.
    fn beat(&self, sample: usize, beat: usize, words: &mut [u64]);

    /// Packs beats for circuits side by side: word `w` for circuit `l` of `lanes` is `words[w * lanes + l]`.
    fn beats(&self, wanted: &[Wanted], lanes: usize, words: &mut [u64]) {
        let mut one = vec![0; words.len() / lanes];
        for Wanted { lane, sample, beat } in wanted {
            self.beat(*sample, *beat, &mut one);
            one.iter().zip(words[*lane..].iter_mut().step_by(lanes)).for_each(|(word, to)| *to = *word);
        }
    }
}

/// A beat for one of several circuits side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Number of the circuit.
    pub lane: usize,
    /// The sample.
    pub sample: usize,
    /// Its beat.
    pub beat: usize,
}

/// Samples held in memory.
#[derive(Clone, Debug)]
pub struct Packed {
    words: Vec<u64>,
    per_beat: usize,
    per_sample: usize,
}

impl Packed {
    /// Packs samples for a design's input.
    ///
    /// # Errors
    /// A sample that is too short, or a value outside its pin's range.
    pub fn new(design: &Design, samples: &[Vec<i64>]) -> Result<Self> {
        check(design, samples.iter().map(Vec::as_slice))?;
        let layout = Layout::new(&design.netlist, &design.input);
        let per_sample = layout.words * layout.beats;
        let mut words = vec![0; per_sample * samples.len()];
        for (words, sample) in words.chunks_exact_mut(per_sample).zip(samples) {
            layout.pack(sample, words);
        }
        Ok(Packed { words, per_beat: layout.words, per_sample })
    }

    /// Holds all samples of `source`, which fit a design's input.
    pub(crate) fn from_source(design: &Design, source: &dyn Source) -> Self {
        let layout = Layout::new(&design.netlist, &design.input);
        let per_sample = layout.words * layout.beats;
        let mut words = vec![0; per_sample * source.count()];
        for (i, beat) in words.chunks_exact_mut(layout.words).enumerate() {
            source.beat(i / layout.beats, i % layout.beats, beat);
        }
        Packed { words, per_beat: layout.words, per_sample }
    }
}

impl Source for Packed {
    fn count(&self) -> usize {
        self.words.len() / self.per_sample
    }

    fn beat(&self, sample: usize, beat: usize, words: &mut [u64]) {
        let from = sample * self.per_sample + beat * self.per_beat;
        words.copy_from_slice(&self.words[from..from + self.per_beat]);
    }

    fn beats(&self, wanted: &[Wanted], lanes: usize, words: &mut [u64]) {
        for Wanted { lane, sample, beat } in wanted {
            let from = &self.words[sample * self.per_sample + beat * self.per_beat..][..self.per_beat];
            from.iter().zip(words[*lane..].iter_mut().step_by(lanes)).for_each(|(word, to)| *to = *word);
        }
    }
}

/// Uniform noise that is computed when it is asked for.
#[derive(Clone, Debug)]
pub struct Noise {
    layout: Layout,
    count: usize,
    seed: u64,
}

impl Noise {
    /// `count` samples for a design's input.
    ///
    /// # Errors
    /// Inputs whose values do not fill whole words: then not every pattern of bits is a sample.
    pub fn new(design: &Design, count: usize, seed: u64) -> Result<Self> {
        let layout = Layout::new(&design.netlist, &design.input);
        match layout.fields.iter().find(|f| f.range != f.range.word()) {
            Some(field) => Err(Error::Request(format!(
                "noise needs inputs that take every value of their word; node {} is {}",
                field.node.0, field.range
            ))),
            None => Ok(Noise { layout, count, seed }),
        }
    }
}

impl Source for Noise {
    fn count(&self) -> usize {
        self.count
    }

    fn beat(&self, sample: usize, beat: usize, words: &mut [u64]) {
        let number = (sample * self.layout.beats + beat) as u64;
        let mut draw = Stall::new(self.seed.wrapping_add(number), 0);
        // The first states of neighbouring seeds are alike.
        (0..4).for_each(|_| _ = draw.draw());
        words.fill(0);
        let last = self.layout.beat(beat).last().map_or(0, |(field, _)| field.at + field.width());
        for (i, word) in words.iter_mut().enumerate().take(last.div_ceil(64)) {
            draw.draw();
            *word = if last >= 64 * (i + 1) { draw.state } else { draw.state & ((1 << (last % 64)) - 1) };
        }
    }
}

/// Refuses samples that the input pins cannot carry.
pub(crate) fn check<'a, T: Copy + Into<i64> + 'a>(
    design: &Design,
    samples: impl Iterator<Item = &'a [T]>,
) -> Result<()> {
    let input = &design.input;
    let need = input.order.iter().max().map_or(0, |m| *m as usize + 1);
    let range = |node: NodeId| design.netlist.node(node).range;
    if let Some(node) = input.data.iter().find(|node| design.netlist.node(**node).op != Op::Input) {
        return Err(Error::Request(format!("node {} of the input stream is not an input", node.0)));
    }
    for (i, sample) in samples.enumerate() {
        let bad = |what| Err(Error::Sample { sample: i, what });
        if sample.len() < need {
            return bad(format!("{} values given, the design takes {need}", sample.len()));
        }
        for (position, element) in input.order.iter().enumerate() {
            let range = range(input.data[position % input.data.len()]);
            let value = sample[*element as usize].into();
            if !range.contains(value) || !range.contains(0) {
                return bad(format!("element {element} is {value}, outside {range}"));
            }
        }
    }
    Ok(())
}
