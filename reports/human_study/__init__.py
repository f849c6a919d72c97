"""Human evaluation: raters compare the captions of two systems blindly (section 5.6, Table 4)."""
