//! Linear forms: integer combinations of atoms, which are the inputs of a stage and comparisons of forms.

use std::collections::HashMap;

use sterna_ir::range::Range;

/// `sum coefficient * atom + constant`, the atoms ascending, no coefficient zero.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Form {
    /// Atoms and their coefficients.
    pub terms: Vec<(u32, i128)>,
    /// Added to them.
    pub constant: i128,
}

impl Form {
    /// A constant.
    pub fn constant(value: i64) -> Self {
        Form { terms: Vec::new(), constant: i128::from(value) }
    }

    /// An atom alone.
    pub fn atom(atom: u32) -> Self {
        Form { terms: vec![(atom, 1)], constant: 0 }
    }

    /// So many times the form.
    pub fn scaled(mut self, factor: i128) -> Self {
        self.terms.iter_mut().for_each(|t| t.1 *= factor);
        self.constant *= factor;
        self
    }

    /// The sum of two.
    pub fn plus(self, other: Form) -> Self {
        let mut terms = Vec::with_capacity(self.terms.len() + other.terms.len());
        let (mut a, mut b) = (self.terms.into_iter().peekable(), other.terms.into_iter().peekable());
        loop {
            let next = match (a.peek(), b.peek()) {
                (Some(x), Some(y)) if x.0 == y.0 => {
                    let sum = (x.0, x.1 + y.1);
                    a.next();
                    b.next();
                    sum
                }
                (Some(x), Some(y)) if x.0 < y.0 => a.next().expect("peeked"),
                (_, Some(_)) => b.next().expect("peeked"),
                (Some(_), None) => a.next().expect("peeked"),
                (None, None) => break,
            };
            if next.1 != 0 {
                terms.push(next);
            }
        }
        Form { terms, constant: self.constant + other.constant }
    }
}

/// Atoms by number. A comparison is `form >= 0` in a normal form, so that equal comparisons are one atom.
#[derive(Debug, Default)]
pub struct Atoms {
    ranges: Vec<Range>,
    comparisons: HashMap<Form, u32>,
    compared: HashMap<u32, Form>,
}

impl Atoms {
    /// A new one, which is an input.
    pub fn input(&mut self, range: Range) -> u32 {
        self.ranges.push(range);
        self.ranges.len() as u32 - 1
    }

    /// Every value of an atom.
    pub fn range(&self, atom: u32) -> Range {
        self.ranges[atom as usize]
    }

    /// The form whose sign a comparison is (1 when not negative); `None` for an input.
    pub fn compared(&self, atom: u32) -> Option<&Form> {
        self.compared.get(&atom)
    }

    /// The least value of a form, and the largest.
    pub fn bounds(&self, form: &Form) -> [i128; 2] {
        [false, true].map(|high| {
            let term = |(atom, factor): &(u32, i128)| {
                let range = self.ranges[*atom as usize];
                factor * i128::from(if (*factor > 0) == high { range.hi } else { range.lo })
            };
            form.constant + form.terms.iter().map(term).sum::<i128>()
        })
    }

    /// The bit `form >= 0`.
    pub fn compare(&mut self, form: Form) -> Form {
        let [least, most] = self.bounds(&form);
        if least >= 0 {
            return Form::constant(1);
        }
        if most < 0 {
            return Form::constant(0);
        }
        // Integers: `f >= 0` is not `-f - 1 >= 0`; and common factors leave with the constant rounded down.
        let turned = form.terms[0].1 < 0;
        let mut form = match turned {
            true => form.scaled(-1).plus(Form::constant(-1)),
            false => form,
        };
        let divisor = form.terms.iter().fold(0, |d, t| gcd(d, t.1.abs()));
        form.terms.iter_mut().for_each(|t| t.1 /= divisor);
        form.constant = form.constant.div_euclid(divisor);
        let fresh = self.ranges.len() as u32;
        let atom = *self.comparisons.entry(form.clone()).or_insert(fresh);
        if atom == fresh {
            self.ranges.push(Range::BIT);
            self.compared.insert(atom, form);
        }
        match turned {
            true => Form::atom(atom).scaled(-1).plus(Form::constant(1)),
            false => Form::atom(atom),
        }
    }
}

fn gcd(a: i128, b: i128) -> i128 {
    if b == 0 { a } else { gcd(b, a % b) }
}
