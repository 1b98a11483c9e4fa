# ZCU104. Pins from xilinx_zcu104.py of litex-hub/litex-boards.
# 125 MHz oscillator, differential: the board's top level turns clk_p and clk_n into one clock
set_property -dict { PACKAGE_PIN F23 IOSTANDARD LVDS } [get_ports clk_p]
set_property -dict { PACKAGE_PIN E23 IOSTANDARD LVDS } [get_ports clk_n]
create_clock -name clk -period 8.000 [get_ports clk_p]
