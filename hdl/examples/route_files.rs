//! Places and routes a Verilog module of others, in the frame that ours get, with so many seeds, and prints its figures:
//! `route_files FAMILY TOP CLOCK INPUT:BITS OUTPUT:BITS SEEDS FOLDER FILE.v...`.

use std::collections::BTreeMap;
use std::path::Path;

use sterna_hdl::family::Family;
use sterna_hdl::route::{Device, Effort, Framed, Routed};
use sterna_hdl::verilog::{Direction, Port};
use sterna_ir::netlist::NodeId;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [family, top, clock, input, output, seeds, folder, files @ ..] = args.as_slice() else {
        return Err(
            "usage: route_files FAMILY TOP CLOCK INPUT:BITS OUTPUT:BITS SEEDS FOLDER FILE.v...".into()
        );
    };
    let family = Family::from_name(family).ok_or("no such family")?;
    let port = |text: &str, direction, nodes: &[NodeId]| -> Result<Port, Box<dyn std::error::Error>> {
        let (name, bits) = text.split_once(':').ok_or("want NAME:BITS")?;
        let (name, width) = (name.to_string(), bits.parse()?);
        Ok(Port { name, direction, width, nodes: nodes.to_vec(), about: String::new() })
    };
    // A port without nodes is the clock.
    let ports = [
        port(&format!("{clock}:1"), Direction::Input, &[])?,
        port(input, Direction::Input, &[NodeId(0)])?,
        port(output, Direction::Output, &[NodeId(0)])?,
    ];
    let read = |path: &String| -> std::io::Result<(String, String)> {
        let name = Path::new(path).file_name().map_or(path.clone(), |n| n.to_string_lossy().into_owned());
        Ok((name, std::fs::read_to_string(path)?))
    };
    let files = files.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let device = Device::usual(family)?;
    let framed = Framed::synthesise(&files, (top, &ports), &BTreeMap::new(), &device, Path::new(folder))?;
    let route = |seed| framed.route(&Effort { seed, ..Effort::default() });
    let routed = (1..=seeds.parse()?).map(route).collect::<Result<Vec<Routed>, _>>()?;
    println!("{}", serde_json::json!({ "routed": routed }));
    Ok(())
}
