//! Size of the adder graphs of matrices: `share OPERANDS EFFORT STARTS LO HI FILE.npy...`.
use std::time::Instant;

use ndarray::Array2;
use sterna_hdl::share::{Problem, Row, Settings, Term, share};
use sterna_ir::Range;

fn main() {
    rayon::ThreadPoolBuilder::new().num_threads(1).build_global().unwrap();
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |i: usize| args[i].parse::<i64>().unwrap();
    for file in &args[5..] {
        let k: Array2<i8> = ndarray_npy::read_npy(file).unwrap();
        let rows = k
            .columns()
            .into_iter()
            .map(|c| Row {
                terms: c
                    .iter()
                    .enumerate()
                    .filter(|(_, w)| **w != 0)
                    .map(|(i, w)| Term { node: i as u32, shift: 0, negate: *w < 0 })
                    .collect(),
                any_sign: true,
            })
            .collect();
        let problem = Problem { inputs: vec![Range::new(number(3), number(4)); k.nrows()], rows };
        let settings = Settings {
            operands: number(0) as usize,
            sharing: true,
            effort: number(1) as u32,
            starts: number(2) as u32,
            depth: None,
        };
        let start = Instant::now();
        let graph = share(&problem, &settings);
        let seconds = start.elapsed().as_secs_f64();
        let x: Vec<i64> =
            (0..k.nrows() as i64).map(|i| number(3) + i * i * 7919 % (number(4) - number(3) + 1)).collect();
        let y: Vec<i64> =
            k.columns().into_iter().map(|c| c.iter().zip(&x).map(|(w, x)| i64::from(*w) * x).sum()).collect();
        assert_eq!(graph.evaluate(&x), y);
        let name = file.rsplit('/').next().unwrap();
        println!(
            "{name} {} sums {} bits depth {} {seconds:.3} s",
            graph.sums.len(),
            graph.bits(),
            graph.depth()
        );
    }
}
