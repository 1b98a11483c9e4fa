use proptest::prelude::*;

use super::*;

/// A problem over ternary or small integer weights, with the weights themselves.
#[derive(Clone, Debug)]
struct Case {
    problem: Problem,
    weights: Vec<Vec<i64>>,
}

fn case(inputs: Vec<Range>, weights: Vec<Vec<i64>>, any_sign: bool) -> Case {
    let row = |row: &Vec<i64>| {
        let digit = |(i, w): (usize, &i64)| {
            let digits = crate::digits::digits(*w);
            digits.map(move |d| Term { node: i as u32, shift: d.shift, negate: d.negate }).collect::<Vec<_>>()
        };
        Row { terms: row.iter().enumerate().flat_map(digit).collect(), any_sign }
    };
    Case { problem: Problem { inputs, rows: weights.iter().map(row).collect() }, weights }
}

fn range() -> impl Strategy<Value = Range> {
    prop_oneof![
        (1u32..=16).prop_map(Range::unsigned),
        (1u32..=16).prop_map(Range::signed),
        (-300i64..300, 0i64..300).prop_map(|(lo, more)| Range::new(lo, lo + more)),
    ]
}

fn cases() -> impl Strategy<Value = Case> {
    let shape = (1usize..=14, 1usize..=14, 0u32..=100, prop_oneof![Just(1i64), Just(1), Just(9)]);
    shape.prop_flat_map(|(inputs, outputs, zeros, largest)| {
        let weight = (0u32..100, -largest..=largest).prop_map(move |(p, w)| if p < zeros { 0 } else { w });
        let weights = proptest::collection::vec(proptest::collection::vec(weight, inputs), outputs);
        (proptest::collection::vec(range(), inputs), weights, any::<bool>())
            .prop_map(|(inputs, weights, any_sign)| case(inputs, weights, any_sign))
    })
}

fn chain() -> impl Strategy<Value = Chain> {
    (2usize..=3, any::<bool>(), any::<bool>()).prop_map(|(operands, tables, inverts)| Chain {
        operands,
        tables,
        inverts,
    })
}

fn settings() -> impl Strategy<Value = Settings> {
    (chain(), any::<bool>(), 0u32..=1, 1u32..=2, proptest::option::of(0u32..6)).prop_map(
        |(chain, sharing, effort, starts, depth)| Settings { chain, sharing, effort, starts, depth },
    )
}

/// Every column of the matrix back from the graph, and every promise of a graph's shape.
fn check(case: &Case, graph: &Graph, operands: usize) {
    let inputs = case.problem.inputs.len();
    for i in 0..inputs {
        let mut x = vec![0; inputs];
        x[i] = 1;
        let wanted: Vec<i64> = case.weights.iter().map(|row| row[i]).collect();
        assert_eq!(graph.evaluate(&x), wanted, "input {i} of {case:?}");
    }
    let mut levels = vec![0; inputs];
    let mut ranges = case.problem.inputs.clone();
    let mut read = vec![0; inputs + graph.sums.len()];
    for sum in &graph.sums {
        assert!((1..=operands).contains(&sum.terms.len()));
        assert!(sum.terms.iter().all(|t| (t.node as usize) < ranges.len()), "sums come after what they read");
        sum.terms.iter().for_each(|t| read[t.node as usize] += 1);
        levels.push(sum.terms.iter().map(|t| levels[t.node as usize]).max().unwrap() + 1);
        let range = sum.terms.iter().map(|t| state::scaled(ranges[t.node as usize], *t)).reduce(state::add);
        ranges.push(range.unwrap());
        assert_eq!((sum.range, sum.level), (*ranges.last().unwrap(), *levels.last().unwrap()));
    }
    for (row, output) in case.problem.rows.iter().zip(&graph.outputs) {
        let Some(term) = output else { continue };
        read[term.node as usize] += 1;
        assert!(row.any_sign || (term.shift == 0 && !term.negate), "an output is settled");
    }
    assert!(read[inputs..].iter().all(|n| *n > 0), "no sum is made for nobody");
}

/// Least depth of a row alone.
fn least_depth(terms: usize, operands: usize) -> u32 {
    (0..).find(|levels| operands.pow(*levels) >= terms).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn a_graph_computes_the_matrix(case in cases(), settings in settings()) {
        let graph = share(&case.problem, &settings);
        check(&case, &graph, settings.chain.operands);
        prop_assert_eq!(&graph, &share(&case.problem, &settings), "the same again");
        if let Some(limit) = settings.depth.filter(|_| settings.sharing) {
            // One level more settles a sign.
            let row = |r: &Row| least_depth(r.terms.len(), settings.chain.operands) + u32::from(!r.any_sign);
            let least = case.problem.rows.iter().map(row).max().unwrap_or(0);
            prop_assert!(graph.depth() <= limit.max(least), "{} of {limit}, {least}", graph.depth());
        }
    }

    #[test]
    fn search_never_costs_bits(mut case in cases(), chain in chain()) {
        case.problem.rows.iter_mut().for_each(|r| r.any_sign = true);
        let bits = |effort: u32| {
            let settings = Settings { chain, sharing: true, effort, starts: 1, depth: None };
            share(&case.problem, &settings).bits()
        };
        let apart = Settings { chain, sharing: false, effort: 0, starts: 1, depth: None };
        let apart = share(&case.problem, &apart).bits();
        // The search prices a shared sum as positive; writing it down may turn it, which moves a bit here and there.
        prop_assert!(bits(1) <= apart + apart / 50 + 1, "{} bits, {apart} without sharing", bits(1));
    }

    #[test]
    fn undoing_restores_everything(case in cases(), seed in any::<u64>()) {
        let mut state = State::new(&case.problem, Chain { operands: 3, tables: false, inverts: true });
        search::search(&mut state, 0, 6, seed);
        let snapshot = |s: &State| {
            let mut pairs: Vec<(u64, u32)> = s.pairs.all().collect();
            pairs.sort_unstable();
            let shared: Vec<u32> = s.shared().collect();
            let ranges: Vec<Range> = shared.iter().map(|n| s.ranges[*n as usize]).collect();
let rows: Vec<_> = s.rows.iter().enumerate().filter(|(_, terms)| !terms.is_empty()).collect();
            let uses: Vec<_> = s.uses.iter().enumerate().filter(|(_, uses)| !uses.is_empty()).collect();
            format!("{rows:?} {uses:?} {pairs:?} {shared:?} {ranges:?}")
        };
        let (before, total) = (snapshot(&state), state.total());
        let nodes: Vec<u32> = state.shared().collect();
        nodes.into_iter().step_by(2).for_each(|n| if state.is_live(n - state.inputs) { state.dissolve(n) });
        let rows = state.touched().to_vec();
        let mut greedy = greedy::Greedy::new(rand::SeedableRng::seed_from_u64(seed), occur::Weights { odd: 16 });
        greedy.run(&mut state, &rows);
        state.total();
        state.undo();
        prop_assert!(before == snapshot(&state));
        prop_assert_eq!(total, state.total());
    }
}

fn ternary(inputs: usize, outputs: usize, weight: impl Fn(usize, usize) -> i64) -> Case {
    let weights = (0..outputs).map(|o| (0..inputs).map(|i| weight(i, o)).collect()).collect();
    case(vec![Range::signed(8); inputs], weights, false)
}

#[test]
fn matrices_at_the_edges() {
    for operands in [2, 3] {
        let sums = |case: Case| {
            let graph = share(
                &case.problem,
                &Settings {
                    chain: Chain { operands, tables: false, inverts: true },
                    sharing: true,
                    effort: 1,
                    starts: 1,
                    depth: None,
                },
            );
            check(&case, &graph, operands);
            graph.sums.len()
        };
        assert_eq!(sums(ternary(1, 1, |_, _| 1)), 0);
        assert_eq!(sums(ternary(1, 1, |_, _| -1)), 1, "one negation");
        assert_eq!(sums(ternary(5, 4, |_, _| 0)), 0);
        // Equal rows are one row; opposite rows one negation more.
        let one_row = if operands == 2 { 8 } else { 4 };
        assert_eq!(sums(ternary(9, 6, |_, _| 1)), one_row);
        assert_eq!(sums(ternary(9, 6, |_, o| if o < 3 { 1 } else { -1 })), one_row + 1);
        // Rows and columns without anything.
        assert_eq!(
            sums(ternary(6, 6, |i, o| i64::from(i % 2 == 0 && o % 2 == 0))),
            if operands == 2 { 2 } else { 1 }
        );
    }
}

#[test]
fn a_known_matrix_is_shared_perfectly() {
    // Rows 0..4 are a+b+c+d with one more input each: 3 sums for the part they share, 4 for the rest.
    let case = ternary(8, 4, |i, o| i64::from(i < 4 || i == 4 + o));
    let settings = Settings {
        chain: Chain { operands: 2, tables: false, inverts: true },
        sharing: true,
        effort: 1,
        starts: 1,
        depth: None,
    };
    let graph = share(&case.problem, &settings);
    check(&case, &graph, 2);
    assert_eq!(graph.sums.len(), 7);
    assert_eq!(graph.sums.iter().filter(|s| s.row.is_none()).count(), 3);
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let case = ternary(20, 20, |i, o| [1, 0, -1, 0, 1, -1, 0][(i * i + 3 * o + i * o) % 7]);
    let settings = Settings {
        chain: Chain { operands: 3, tables: false, inverts: true },
        sharing: true,
        effort: 1,
        starts: 4,
        depth: None,
    };
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| share(&case.problem, &settings))
    };
    assert_eq!(on(1), on(3));
}
