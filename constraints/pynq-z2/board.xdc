# PYNQ-Z2. Pins from tul_pynq_z2.py of litex-hub/litex-boards.
# 125 MHz from the Ethernet chip
set_property -dict { PACKAGE_PIN H16 IOSTANDARD LVCMOS33 } [get_ports clk]
create_clock -name clk -period 8.000 [get_ports clk]
# A serial adapter of 3.3 V at the Arduino header: its TX at AR1, its RX at AR0
set_property -dict { PACKAGE_PIN U12 IOSTANDARD LVCMOS33 PULLUP true } [get_ports rx]
set_property -dict { PACKAGE_PIN T14 IOSTANDARD LVCMOS33 } [get_ports tx]
# LEDs LD0 to LD3
set_property -dict { PACKAGE_PIN R14 IOSTANDARD LVCMOS33 } [get_ports {led[0]}]
set_property -dict { PACKAGE_PIN P14 IOSTANDARD LVCMOS33 } [get_ports {led[1]}]
set_property -dict { PACKAGE_PIN N16 IOSTANDARD LVCMOS33 } [get_ports {led[2]}]
set_property -dict { PACKAGE_PIN M14 IOSTANDARD LVCMOS33 } [get_ports {led[3]}]
