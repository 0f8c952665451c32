"""What work costs: amounts, prices, who pays, limits, and what happens near them."""
