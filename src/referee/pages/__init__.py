"""Pages: self-contained HTML that loads nothing from anywhere, for reports of people's labels and of rewards alike."""
