//! The Verilog that Sterna prints of each block beside that of rust-hdl, and a design of rust-hdl with cores inside, in
//! Verilator.

use rust_hdl::prelude::{ModuleDefines, check_all};
use sterna_crosscheck::compare::Twin;
use sterna_crosscheck::part::Part;
use sterna_hdl::verilog::{Direction, Port, PrintOptions, print};
use sterna_ir::netlist::NodeId;

use crate::tools::{has, lint, run};
use crate::{CYCLES, element, queue, threshold, wrapper};

#[test]
fn benches_in_verilog_find_no_fault() {
    let benches = [element::bench(), threshold::bench(), queue::bench(), wrapper::bench()];
    if !has("verilator") {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [tops, files] =
        [0, 1].map(|side| benches.each_ref().map(|bench| [&bench.0, &bench.1][side].as_str()));
    let instances = tops.map(|top| format!("    {top} {top}_bench ();\n")).concat();
    let text = format!("module top;\n{instances}endmodule\n{}", files.concat());
    std::fs::write(folder.path().join("top.v"), text).expect("the folder is writable");
    let build =
        ["--binary", "-Wno-fatal", "-Wno-lint", "-MAKEFLAGS", "OPT_FAST=-O1", "--top-module", "top", "top.v"];
    run(folder.path(), "verilator", &build);
    let said = run(folder.path(), "obj_dir/Vtop", &[]);
    for top in tops {
        assert!(said.contains(&format!("{top}: done")), "{said}");
    }
}

/// A percentage of cycles in which an input is 1.
pub fn bit(percent: u32) -> String {
    format!("$urandom % 100 < {percent}")
}

/// A bench of its own for both blocks, with an expression for each input: its top module, and its text.
pub fn bench<T: Twin>(name: &str, part: &Part, mut twin: T, stimulus: &[String]) -> (String, String) {
    let options = PrintOptions { version: false, visible: vec![], family: None };
    let ours = print(&part.netlist, &options).expect("the part is well formed");
    let theirs = format!("{name}_twin");
    twin.connect_all();
    check_all(&twin).expect("rust-hdl finds no fault");
    let mut defines = ModuleDefines::default();
    twin.accept(&theirs, &mut defines);
    lint(&theirs, &defines.defines());

    let declare = |(index, pin): (usize, &NodeId), kind: &str, letters: &str| {
        let width = part.netlist.node(*pin).range.width();
        let name = |letter: char| format!("{letter}{index}");
        let names = Vec::from_iter(letters.chars().map(name)).join(", ");
        format!("    {kind} [{}:0] {names};\n", width - 1)
    };
    let inputs = part.inputs.iter().enumerate().map(|pin| declare(pin, "reg", "i"));
    let outputs = part.outputs.iter().enumerate().map(|pin| declare(pin, "wire", "ao"));
    let find = |pins: &[NodeId], port: &Port| pins.iter().position(|pin| port.nodes.contains(pin));
    let connect = |port: &Port| {
        let wire = match port.direction {
            _ if port.nodes.is_empty() => "clk".into(),
            // The reset of a block that has none.
            Direction::Input => find(&part.inputs, port).map_or("1'b0".into(), |index| format!("i{index}")),
            Direction::Output => format!("a{}", find(&part.outputs, port).expect("an output of the part")),
        };
        format!(".{}({wire})", port.name)
    };
    let drive =
        stimulus.iter().enumerate().map(|(index, value)| format!("            i{index} = {value};\n"));
    let check = |index: usize| {
        let means =
            T::VALID.filter(|valid| *valid < index).map_or("1'b1".into(), |valid| format!("a{valid}"));
        format!(
            "            if ({means} && a{index} !== o{index}) begin
                $display(\"{name}: output {index} differs in cycle %0d\", cycle);
                $fatal;
            end\n"
        )
    };
    let text = format!(
        "{ours_text}{theirs_text}
module {name};
    reg clk;
    integer cycle;
{declared}    {ours_top} ours ({ours_ports});
    {theirs} theirs (.clock(clk), {connections});
    initial begin
        clk = 0;
        for (cycle = 0; cycle < {CYCLES}; cycle = cycle + 1) begin
{driven}            #1;
{checked}            clk = 1;
            #1 clk = 0;
        end
        $display(\"{name}: done\");
    end
endmodule
",
        ours_text = ours.files.iter().map(|file| file.text.as_str()).collect::<String>(),
        theirs_text = defines.defines(),
        declared = inputs.chain(outputs).collect::<String>(),
        ours_top = ours.top,
        ours_ports = Vec::from_iter(ours.ports.iter().map(connect)).join(", "),
        connections = twin.connections(),
        driven = drive.collect::<String>(),
        checked = (0..part.outputs.len()).map(check).collect::<String>(),
    );
    (name.into(), text)
}
