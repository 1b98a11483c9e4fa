# Arty A7-35T. Pins from Arty-A7-35-Master.xdc of Digilent/digilent-xdc.
# 100 MHz oscillator
set_property -dict { PACKAGE_PIN E3 IOSTANDARD LVCMOS33 } [get_ports clk]
create_clock -name clk -period 10.000 [get_ports clk]
# Button RESET (ck_rst), 0 while pressed
set_property -dict { PACKAGE_PIN C2 IOSTANDARD LVCMOS33 } [get_ports rst_n]
