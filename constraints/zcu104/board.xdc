# ZCU104. Pins from xilinx_zcu104.py of litex-hub/litex-boards.
# 125 MHz oscillator, differential: the board's top level turns clk_p and clk_n into one clock
set_property -dict { PACKAGE_PIN F23 IOSTANDARD LVDS } [get_ports clk_p]
set_property -dict { PACKAGE_PIN E23 IOSTANDARD LVDS } [get_ports clk_n]
create_clock -name clk -period 8.000 [get_ports clk_p]
# Second USB serial port (UART2)
set_property -dict { PACKAGE_PIN A20 IOSTANDARD LVCMOS18 } [get_ports rx]
set_property -dict { PACKAGE_PIN C19 IOSTANDARD LVCMOS18 } [get_ports tx]
# User LEDs 0 to 3
set_property -dict { PACKAGE_PIN D5 IOSTANDARD LVCMOS33 } [get_ports {led[0]}]
set_property -dict { PACKAGE_PIN D6 IOSTANDARD LVCMOS33 } [get_ports {led[1]}]
set_property -dict { PACKAGE_PIN A5 IOSTANDARD LVCMOS33 } [get_ports {led[2]}]
set_property -dict { PACKAGE_PIN B5 IOSTANDARD LVCMOS33 } [get_ports {led[3]}]
