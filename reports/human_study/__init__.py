"""Which of two systems people prefer (section 5.6, Table 4)."""
