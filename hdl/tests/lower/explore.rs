//! Automatic folding: budgets are kept, figures are those of the design that is built, and of the bench that runs it.

use sterna_hdl::estimate::estimate;
use sterna_hdl::explore::{Budget, Choice, Explorer, Point};
use sterna_hdl::family::Family;
use sterna_hdl::{Error, Folding, Options, Style, lower};
use sterna_ir::bench::Stalls;

use crate::random::{self, Draw};
use crate::{images, scale, simulate};

fn options(family: Family) -> Options {
    Options { family: Some(family), ..Options::default() }
}

fn chosen(explorer: &mut Explorer, budget: &Budget) -> Point {
    match explorer.choose(budget).unwrap() {
        Choice::Fits(point) => point,
        Choice::Nearest(points) => panic!("{budget:?}: {points:?}"),
    }
}

#[test]
fn a_budget_is_kept_and_a_larger_one_is_no_slower() {
    let network = scale::network(&[60, 40, 24, 10], 70);
    for family in Family::ALL {
        let mut explorer = Explorer::new(&network, &options(family), &|_, _| ()).unwrap();
        let frontier = explorer.frontier().unwrap();
        assert!(frontier.len() > 4 && frontier[0].timing.interval > 300, "{frontier:?}");
        assert_eq!(frontier.last().unwrap().timing.interval, 1);
        let figures = |p: &Point| (p.timing.interval, p.cells.lut as u64, p.cells.bram as u64);
        for (one, other) in frontier.iter().flat_map(|one| frontier.iter().map(move |other| (one, other))) {
            let ((a, b, c), (x, y, z)) = (figures(one), figures(other));
            assert!(one == other || a < x || b < y || c < z, "{other:?} is pointless beside {one:?}");
        }
        for point in &frontier {
            let budget = Budget { lut: Some(point.cells.lut), bram: Some(point.cells.bram), interval: None };
            let found = chosen(&mut explorer, &budget);
            assert!(found.fits(&budget), "{found:?}");
            assert_eq!(found.reasons.len(), 3);
            let budget = Budget { interval: Some(point.timing.interval), ..Budget::default() };
            let found = chosen(&mut explorer, &budget);
            assert!(found.fits(&budget), "{found:?}");
        }
        let mut luts: Vec<f64> = frontier.iter().map(|p| p.cells.lut).collect();
        luts.sort_by(f64::total_cmp);
        let mut last = u64::MAX;
        for lut in luts {
            let found = chosen(&mut explorer, &Budget { lut: Some(lut), ..Budget::default() });
            assert!(found.timing.interval <= last, "{last} cycles in fewer LUT: {found:?}");
            last = found.timing.interval;
        }
        // Not one table fits, nor a result every cycle into a few hundred.
        let none = Budget { lut: Some(1.0), ..Budget::default() };
        let Choice::Nearest(points) = explorer.choose(&none).unwrap() else { panic!("1 LUT") };
        assert!(
            points.len() == 1 && frontier.iter().all(|p| points[0].cells.lut <= p.cells.lut),
            "{points:?}"
        );
        let none = Budget { lut: Some(2.0 * points[0].cells.lut), interval: Some(1), ..Budget::default() };
        let Choice::Nearest(points) = explorer.choose(&none).unwrap() else { panic!("{none:?}") };
        assert!(points[0].cells.lut <= none.lut.unwrap() && points[1].timing.interval == 1, "{points:?}");
    }
}

/// Candidates are steps apart; what is chosen is not: one element more for the layer with most of the weights is of no use or
/// too much.
#[test]
fn no_number_of_elements_between_would_be_faster() {
    let network = scale::network(&[120, 60, 10], 85);
    let options = options(Family::Ecp5);
    let mut explorer = Explorer::new(&network, &options, &|_, _| ()).unwrap();
    let mut tried = 0;
    for lut in (500..2_500).step_by(150) {
        let budget = Budget { lut: Some(f64::from(lut)), ..Budget::default() };
        let Choice::Fits(point) = explorer.choose(&budget).unwrap() else { continue };
        let Style::Folded { pes } = point.styles[0] else { continue };
        let mut styles = point.styles.clone();
        styles[0] = Style::Folded { pes: pes + 1 };
        let folding = Folding::PerLayer(styles);
        let options = Options { folding, input_lanes: point.input_lanes, ..options.clone() };
        let design = lower(&network, &options).unwrap();
        let lut = estimate(&design.netlist, Family::Ecp5, options.family).total.lut;
        let is_better = design.timing.interval < point.timing.interval && lut <= budget.lut.unwrap();
        assert!(!is_better, "{budget:?}: {} cycles, {lut} LUT; {point:?}", design.timing.interval);
        tried += 1;
    }
    assert!(tried > 5, "{tried}");
}

#[test]
fn figures_are_those_of_the_design() {
    for seed in 0..30 {
        let mut draw = Draw::new(20_000 + seed);
        let network = if seed % 2 == 0 { random::network(&mut draw) } else { images::network(&mut draw) };
        let options = options(Family::ALL[draw.within(0, Family::ALL.len() as i64 - 1) as usize]);
        let mut explorer = match Explorer::new(&network, &options, &|_, _| ()) {
            Ok(explorer) => explorer,
            Err(Error::NothingToFold | Error::TooWide { .. }) => continue,
            Err(error) => panic!("seed {seed}: {error}"),
        };
        for point in explorer.frontier().unwrap() {
            let design = lower(&network, &point.options(&options)).unwrap();
            assert_eq!(design.timing, point.timing, "seed {seed}: {point:?}");
            assert_eq!(
                estimate(&design.netlist, options.family.unwrap(), options.family).total,
                point.cells,
                "seed {seed}"
            );
            let samples = random::samples(&mut draw, &network, 8);
            let run = simulate(&design, &samples, Stalls::none());
            assert_eq!(run.finished[0] - run.started[0], point.timing.latency, "seed {seed}: {point:?}");
            let span = run.finished[7] - run.finished[5];
            assert_eq!(span.div_ceil(2), point.timing.interval, "seed {seed}: {point:?}");
        }
    }
}

#[test]
fn what_cannot_be_searched_is_refused() {
    let network = scale::network(&[6, 4], 50);
    assert!(matches!(Explorer::new(&network, &Options::default(), &|_, _| ()), Err(Error::NoFamily)));
    let pixels = images::of_pixels(1, 2, 2);
    assert!(matches!(Explorer::new(&pixels, &options(Family::Ecp5), &|_, _| ()), Err(Error::NothingToFold)));
}
