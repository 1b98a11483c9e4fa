//! The hand-written blocks: models of primitives against Yosys's own cells, blocks against arithmetic.

use std::path::Path;

use sterna_hdl::verilog::SourceFile;

use crate::tools::{has, run, write};

const ADD3: &str = include_str!("../../rtl/sterna_add3.v");
const ADD2: &str = include_str!("../../rtl/sterna_add2.v");
const LUT6: &str = include_str!("../../rtl/models/LUT6.v");
const MUXF7: &str = include_str!("../../rtl/models/MUXF7.v");
const MUXF8: &str = include_str!("../../rtl/models/MUXF8.v");
const LUT6_2: &str = include_str!("../../rtl/models/LUT6_2.v");
const CARRY4: &str = include_str!("../../rtl/models/CARRY4.v");

fn put(dir: &Path, files: &[(&str, &str)]) {
    let file = |(name, text): &(&str, &str)| SourceFile { name: name.to_string(), text: text.to_string() };
    write(dir, &files.iter().map(file).collect::<Vec<_>>());
}

/// Proves each job in a run of its own design over Yosys's cells: whether no input makes `miter` trigger.
fn proofs(dir: &Path, jobs: &[String]) -> Vec<bool> {
    let mut script = String::from(
        "read_verilog +/xilinx/cells_sim.v; delete * MUXF7 %d MUXF8 %d LUT6 %d LUT6_2 %d CARRY4 %d ; design -save cells ; ",
    );
    for job in jobs {
        script += &format!(
            "design -load cells ; {job} ; proc; flatten; miter -equiv -flatten ours wanted miter; \
             sat -prove trigger 0 -set-def-inputs miter ; "
        );
    }
    let (ok, text) = run(dir, "yosys", &["-p", &script]);
    let verdict = |line: &str| match line {
        _ if line.contains("proof finished - no model found: SUCCESS!") => Some(true),
        _ if line.contains("proof finished - model found: FAIL!") => Some(false),
        _ => None,
    };
    let verdicts: Vec<bool> = text.lines().filter_map(verdict).collect();
    assert!(ok && verdicts.len() == jobs.len(), "{text}");
    verdicts
}

#[test]
fn models_equal_the_cells_of_yosys() {
    if !has("yosys") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let wrong_carry = CARRY4.replace("S[2] ? c2 : DI[2]", "S[2] ? c2 : DI[1]");
    let wrong_lut = LUT6_2.replace("LOW[{I4, I3, I2, I1, I0}]", "LOW[{I4, I3, I2, I0, I1}]");
    let files = [
        ("lut.v", LUT6_2),
        ("lut6.v", LUT6),
        ("muxf7.v", MUXF7),
        ("muxf8.v", MUXF8),
        ("carry.v", CARRY4),
        ("no_lut.v", &wrong_lut),
        ("no_carry.v", &wrong_carry),
    ];
    put(folder.path(), &files);
    // `-formal` leaves SYNTHESIS undefined, so that the model is there.
    let job = |file: &str, cell: &str, parameters: &str| {
        format!("rename {cell} wanted; read_verilog -formal {file}; rename {cell} ours; {parameters}")
    };
    let table = |t: u64| format!("chparam -set INIT 64'h{t:016x} ours wanted");
    let jobs = [
        job("lut.v", "LUT6_2", &table(0x9669_9669_e8e8_e8e8)),
        job("lut.v", "LUT6_2", &table(0x0123_4567_89ab_cdef)),
        job("lut.v", "LUT6_2", &table(0xdead_beef_0bad_cafe)),
        job("lut6.v", "LUT6", &table(0x0123_4567_89ab_cdef)),
        job("muxf7.v", "MUXF7", "check"),
        job("muxf8.v", "MUXF8", "check"),
        job("carry.v", "CARRY4", "check"),
        job("no_lut.v", "LUT6_2", &table(0x0123_4567_89ab_cdef)),
        job("no_carry.v", "CARRY4", "check"),
    ];
    assert_eq!(proofs(folder.path(), &jobs), [true, true, true, true, true, true, true, false, false]);
}

/// `ours` is the block with these parameters, `wanted` the expression.
fn block_job(block: &str, file: &str, width: u32, minus: u32) -> String {
    format!(
        "read_verilog {file} wanted.v; rename {block} ours; rename minus{minus} wanted; \
         chparam -set WIDTH {width} -set MINUS {minus} ours; chparam -set WIDTH {width} wanted; \
         hierarchy; proc; flatten ours"
    )
}

/// The block over operands of `pair` bits, one of them of `more` bits more, two bits wider than they are.
fn ends_job(file: &str, minus: u32, (wide, pair, more): (u32, u32, u32)) -> String {
    let set = |name: &str| format!("chparam -set WIDE {wide} -set PAIR {pair} -set MORE {more} {name}; ");
    format!(
        "read_verilog {file} wanted.v; rename ends{minus} ours; rename narrow{minus} wanted; \
         {}{}hierarchy; proc; flatten ours",
        set("ours"),
        set("wanted")
    )
}

#[test]
fn the_three_operand_sum_is_proved_for_all_signs_and_many_widths() {
    if !has("yosys") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let sums = ["a + b + c", "a + b - c", "a - b - c"];
    let width = |k: u32| format!("PAIR - 1 + (WIDE == {k} ? MORE : 0)");
    let ports = format!(
        "input wire signed [{}:0] a, input wire signed [{}:0] b, input wire signed [{}:0] c, \
         output wire signed [PAIR+MORE+1:0] y",
        width(0),
        width(1),
        width(2)
    );
    let wanted: String = std::iter::zip(0.., sums)
        .map(|(minus, sum)| {
            format!(
                "module minus{minus} #(parameter WIDTH = 1) (input wire [WIDTH-1:0] a, b, c, \
                 output wire [WIDTH-1:0] y); assign y = {sum}; endmodule\n\
                 module narrow{minus} #(parameter WIDE = 0, parameter PAIR = 1, parameter MORE = 0) ({ports}); \
                 assign y = {sum}; endmodule\n\
                 module ends{minus} #(parameter WIDE = 0, parameter PAIR = 1, parameter MORE = 0) ({ports}); \
                 wire signed [PAIR+MORE+1:0] d = a, e = b, f = c; \
                 sterna_add3 #(.WIDTH(PAIR + MORE + 2), .MINUS({minus}), .WIDE(WIDE), .PAIR(PAIR)) u (d, e, f, y); \
                 endmodule\n"
            )
        })
        .collect();
    put(folder.path(), &[("add3.v", ADD3), ("wanted.v", &wanted)]);
    let all = [1, 2, 3, 4, 5, 9].into_iter().flat_map(|width| (0..3).map(move |minus| (width, minus)));
    let mut jobs: Vec<String> =
        all.map(|(width, minus)| block_job("sterna_add3", "add3.v", width, minus)).collect();
    let shapes = [(1, 0), (1, 1), (2, 0), (3, 1), (3, 2), (2, 3)];
    let ends = shapes.iter().flat_map(|(pair, more)| (0..9).map(move |k| (k % 3, (k / 3, *pair, *more))));
    jobs.extend(ends.map(|(minus, shape)| ends_job("add3.v", minus, shape)));
    assert_eq!(proofs(folder.path(), &jobs), vec![true; jobs.len()]);

    let mutants = [
        ("8'haa", "8'h55"),
        ("MINUS >= 2) ? 8'h33", "MINUS >= 1) ? 8'h33"),
        ("{~SUM, SUM, ~SUM, SUM,", "{~SUM, SUM, SUM, SUM,"),
        ("d[0] = MINUS >= 1", "d[0] = MINUS >= 2"),
        ("i == 0 && MINUS >= 2", "i == 0 && MINUS >= 1"),
        ("8'h96", "8'h69"),
        ("y[0] = s[0]", "y[0] = o[0]"),
        ("co[4*i-1]", "co[4*i-2]"),
        ("d[i] = m[i]", "d[i] = a[i]"),
        ("(WIDE == 0) ? B : A", "(WIDE == 0) ? C : A"),
        ("(WIDE == 2) ? B : C", "(WIDE == 1) ? B : C"),
        ("(~Q & R)", "(Q & R)"),
        ("? MINUS >= 2 : (WIDE == 2)", "? MINUS >= 1 : (WIDE == 2)"),
        ("~(r[i] ^ m[i] ^ FLIP)", "~(r[i] ^ m[i])"),
        ("~(r[i] ^ r[i-1])", "r[i] ^ r[i-1]"),
        ("FLIP ? r[i] : r[i-1]", "r[i-1]"),
        ("(i == PAIR - 1) ? SIGNS", "(i == PAIR) ? SIGNS"),
    ];
    let mut jobs = Vec::new();
    for (k, (from, to)) in mutants.into_iter().enumerate() {
        let text = ADD3.replace(from, to);
        assert_ne!(text, ADD3, "{from}");
        put(folder.path(), &[(&format!("mutant{k}.v"), &text)]);
        let file = format!("mutant{k}.v");
        jobs.extend((0..3).map(|minus| block_job("sterna_add3", &file, 6, minus)));
        jobs.extend((0..9).map(|k| ends_job(&file, k % 3, (k / 3, 3, 2))));
    }
    for (mutant, found) in mutants.iter().zip(proofs(folder.path(), &jobs).chunks(12)) {
        assert!(found.contains(&false), "{mutant:?}");
    }
}

#[test]
fn the_two_operand_sum_is_proved_for_both_signs_and_many_widths() {
    if !has("yosys") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let wanted = |minus: u32, sum: &str| {
        format!(
            "module minus{minus} #(parameter WIDTH = 2) (input wire [WIDTH-1:0] a, b, \
             output wire [WIDTH-1:0] y); assign y = {sum}; endmodule\n"
        )
    };
    let wanted = wanted(0, "a + b") + &wanted(1, "a - b");
    let wrong_carry = ADD2.replace("& ~low[WIDTH-2]", "& low[WIDTH-2]");
    let wrong_sign = ADD2.replace("b[WIDTH-2] ^ (MINUS != 0)", "b[WIDTH-2]");
    let wrong_top = ADD2.replace("a[WIDTH-1] ^ b[WIDTH-1] ^ (MINUS != 0)", "a[WIDTH-1] ^ b[WIDTH-1]");
    let files = [
        ("wanted.v", wanted.as_str()),
        ("add2.v", ADD2),
        ("no0.v", &wrong_carry),
        ("no1.v", &wrong_sign),
        ("no2.v", &wrong_top),
    ];
    put(folder.path(), &files);
    let all = [2, 3, 4, 7].into_iter().flat_map(|width| (0..2).map(move |minus| (width, minus)));
    let mut jobs: Vec<String> =
        all.map(|(width, minus)| block_job("sterna_add2", "add2.v", width, minus)).collect();
    let right = jobs.len();
    jobs.extend((0..3).map(|k| block_job("sterna_add2", &format!("no{k}.v"), 5, 1)));
    let found = proofs(folder.path(), &jobs);
    assert_eq!(found, [vec![true; right], vec![false; 3]].concat());
}

/// Wide operands in simulation, over our models: two's complement wraps alike in Verilog's `+`.
#[test]
fn the_three_operand_sum_simulates_over_our_models() {
    if !has("iverilog") || !has("vvp") {
        return;
    }
    let mut bench = String::from("module bench;\nreg [59:0] a, b, c;\ninteger n, bad;\n");
    for minus in 0..3 {
        bench += &format!(
            "wire [59:0] y{minus};\nsterna_add3 #(.WIDTH(60), .MINUS({minus})) u{minus} (.a(a), .b(b), .c(c), .y(y{minus}));\n"
        );
    }
    bench += "initial begin bad = 0;\nfor (n = 0; n < 300; n = n + 1) begin\n\
              a = {$random, $random}; b = {$random, $random}; c = {$random, $random};\n\
              if (n % 3 == 0) b = ~a; #1;\n\
              if (y0 !== a + b + c || y1 !== a + b - c || y2 !== a - b - c) bad = bad + 1;\nend\n\
              $display(\"bad %0d of %0d\", bad, n);\nend\nendmodule\n";
    let simulate = |carry: &str| {
        let folder = tempfile::tempdir().unwrap();
        let files =
            [("sterna_add3.v", ADD3), ("LUT6_2.v", LUT6_2), ("CARRY4.v", carry), ("bench.v", bench.as_str())];
        put(folder.path(), &files);
        let names = files.map(|(name, _)| name);
        let args = [&["-g2005", "-o", "out", "-s", "bench"][..], &names].concat();
        let (ok, text) = run(folder.path(), "iverilog", &args);
        assert!(ok && text.is_empty(), "{text}");
        run(folder.path(), "vvp", &["-n", "out"]).1.trim().to_string()
    };
    assert_eq!(simulate(CARRY4), "bad 0 of 300");
    assert_ne!(simulate(&CARRY4.replace("CI | CYINIT", "CYINIT")), "bad 0 of 300");
}
