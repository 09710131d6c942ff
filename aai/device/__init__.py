"""What this program keeps on the machine that models are installed on."""
